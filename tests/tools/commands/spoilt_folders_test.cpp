// `--resume` and `keel report` where files were damaged, changed or replaced.

#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "../../support/study_support.hpp"
#include "keel/runtime/rng.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using tools::Json;

constexpr auto comparison = "compare --seeds 3 --epochs 2 --learning-rate 0.1 --out results";

struct Finishing : StudyFolder {
  Finishing() { BOOST_REQUIRE(keel(comparison).status == 0); }

  [[nodiscard]] Finished resumed() const { return keel(fmt::format("{} --resume", comparison)); }

  [[nodiscard]] Finished keel_report() const { return run_keel("report results", *this / ""); }

  void replace(const fs::path& path, const std::string& content) const {
    std::ofstream{path, std::ios::binary | std::ios::trunc} << content;
  }
};

BOOST_FIXTURE_TEST_SUITE(spoilt_folders, Finishing)

BOOST_AUTO_TEST_CASE(flipped_bits_change_no_result_without_a_word) {
  const auto before = without_times(results_in(*this / "results"));
  const auto kept = kept_runs(*this / "results");
  BOOST_REQUIRE(kept.size() == 6U);
  Rng random{1};
  for (int i = 0; i < 12; ++i) {
    std::vector<std::string> whole;
    for (const auto& file : kept) {
      whole.push_back(read_file(file));
      auto flipped = whole.back();
      const auto bit = random.below(8 * flipped.size());
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      replace(file, flipped);
    }
    const auto finished = resumed();
    BOOST_TEST(finished.status == 0, finished.err);
    BOOST_TEST(std::ranges::count(finished.err, '\n') == 6, finished.err);
    BOOST_TEST((without_times(results_in(*this / "results")) == before));
  }
}

BOOST_AUTO_TEST_CASE(numbers_changed_by_hand_are_told_and_not_taken) {
  const auto before = without_times(results_in(*this / "results"));
  const auto file = kept_runs(*this / "results")[0];
  const auto whole = read_file(file);
  for (const auto& change : std::vector<std::function<void(Json&)>>{
           [](Json& run) { run["test_accuracy"] = 0.999; }, [](Json& run) { run["epochs"] = Json::array(); },
           [](Json& run) { run["epochs"][0]["steps"] = 1e300; }}) {
    auto json = Json::parse(whole);
    change(json["run"]);
    replace(file, json.dump() + "\n");
    const auto finished = resumed();
    BOOST_TEST(finished.status == 0, finished.err);
    BOOST_TEST(finished.err.find("its checksum does not match") != std::string::npos, finished.err);
    BOOST_TEST((without_times(results_in(*this / "results")) == before));
    BOOST_TEST(read_file(file).starts_with("{\"sha256\":"));
  }
}

BOOST_AUTO_TEST_CASE(pipes_folders_and_brackets_get_a_sentence) {
  const auto check = [&](const Finished& finished, int status, const char* says) {
    BOOST_TEST(finished.status == status, finished.err);
    BOOST_TEST(finished.err.find(says) != std::string::npos, says << ": " << finished.err);
    BOOST_TEST(std::ranges::count(finished.err, '\n') == 1, finished.err);
    for (const auto* foreign : {"filesystem error", "basic_ios", "json.exception", "std::"})
      BOOST_TEST(finished.err.find(foreign) == std::string::npos, finished.err);
  };
  const auto deep = std::string(200'000, '[');
  const auto run = kept_runs(*this / "results")[0];
  replace(run, deep);
  check(resumed(), 0, "has no checksum");
  fs::remove(run);
  BOOST_REQUIRE(::mkfifo(run.c_str(), 0600) == 0);
  check(resumed(), 3, "a device or a pipe");
  fs::remove(run);
  fs::create_directory(run);
  check(resumed(), 3, "is a folder, not a file");
  fs::remove(run);

  for (const auto* name : {"command.json", "results.json"}) {
    const auto file = *this / "results" / name;
    const auto whole = read_file(file);
    const auto read = [&] { return std::string{name} == "command.json" ? resumed() : keel_report(); };
    const int status = std::string{name} == "command.json" ? 2 : 3;
    replace(file, deep);
    check(read(), status, name);
    fs::remove(file);
    BOOST_REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    check(read(), status, name);
    fs::remove(file);
    fs::create_directory(file);
    check(read(), status, name);
    fs::remove(file);
    replace(file, whole);
  }
  BOOST_TEST(resumed().status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
