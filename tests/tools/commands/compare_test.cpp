// `keel compare` as its users meet it: the real program, its files, its exit status.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "../../support/process.hpp"

namespace keel::test {
namespace {

using Json = nlohmann::json;

// A run of a second or less: 640 digits, two epochs.
constexpr auto small = "compare --limit 640 --epochs 2 --quiet";

Json results(const std::filesystem::path& folder) {
  return Json::parse(read_file(folder / "results.json"));
}

// What may differ between two runs of the same command.
Json without_times(Json json) {
  for (const auto* key : {"seconds", "started", "threads", "command"}) json.erase(key);
  for (auto& run : json["runs"]) {
    for (auto& epoch : run["epochs"]) epoch.erase("seconds");
  }
  return json;
}

struct Fixture {
  TemporaryFolder folder;
};

BOOST_FIXTURE_TEST_SUITE(compare, Fixture)

BOOST_AUTO_TEST_CASE(writes_every_field_of_the_contract) {
  const auto finished = run_keel(fmt::format("{} --seeds 2 --out results", small), folder.path());
  BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
  const auto json = results(folder.path() / "results");
  BOOST_TEST(json.at("schema") == 1);
  BOOST_TEST(json.at("command").at(1) == "compare");
  for (const auto* key : {"keel", "onednn", "instruction_set", "cpu", "started"})
    BOOST_TEST(json.at(key).get<std::string>() != "");
  BOOST_TEST(json.at("seconds").get<double>() > 0.0);
  const auto& data = json.at("dataset");
  BOOST_TEST(data.at("name") == "digits");
  BOOST_TEST(data.at("digest").get<std::string>().size() == 64U);
  BOOST_TEST(data.at("train") == 640);
  BOOST_TEST(data.at("validation") == 12000);
  BOOST_TEST(data.at("test") == 10000);
  BOOST_TEST(data.at("shape") == Json({28, 28}));
  BOOST_TEST(data.at("classes") == 10);

  BOOST_REQUIRE(json.at("runs").size() == 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto& run = json.at("runs").at(i);
    BOOST_TEST(run.at("model") == (i % 2 == 0 ? "plain" : "bn"));
    BOOST_TEST(run.at("parameters") == (i % 2 == 0 ? 101770 : 101898));
    BOOST_TEST(run.at("seed") == 1 + i / 2);
    BOOST_TEST(run.at("batch_size") == 64);
    BOOST_TEST(run.at("learning_rate") == 0.01);
    BOOST_TEST(run.at("momentum") == 0.9);
    BOOST_TEST(run.at("diverged") == false);
    BOOST_TEST(run.at("test_loss").get<double>() > 0.0);
    BOOST_TEST(run.at("test_accuracy").get<double>() > 0.3);
    BOOST_REQUIRE(run.at("epochs").size() == 2U);
    const auto& epoch = run.at("epochs").at(1);
    BOOST_TEST(epoch.at("epoch") == 2);
    BOOST_TEST(epoch.at("steps") == 10);
    for (const auto* key : {"seconds", "train_loss", "validation_loss", "validation_accuracy"}) {
      BOOST_TEST(epoch.at(key).get<double>() > 0.0);
    }
  }
  for (const auto* measure : {"validation_accuracy", "validation_loss"}) {
    const auto& summary = json.at("summary").at(measure);
    for (const auto* arm : {"plain", "bn"}) {
      BOOST_TEST(summary.at(arm).at("mean").is_number());
      BOOST_TEST(summary.at(arm).at("sd").is_number());
    }
    for (const auto* key : {"mean", "low", "high", "p"})
      BOOST_TEST(summary.at("difference").at(key).is_number());
  }
}

BOOST_AUTO_TEST_CASE(one_seed_has_no_interval) {
  BOOST_REQUIRE(run_keel(fmt::format("{} --out results", small), folder.path()).status == 0);
  const auto difference =
      results(folder.path() / "results").at("summary").at("validation_loss").at("difference");
  BOOST_TEST(difference.at("mean").is_number());
  for (const auto* key : {"low", "high", "p"}) BOOST_TEST(difference.at(key).is_null());
}

BOOST_AUTO_TEST_CASE(same_seed_same_bits_on_any_number_of_threads) {
  BOOST_REQUIRE(run_keel(fmt::format("{} --seeds 2 --threads 1 --out a", small), folder.path()).status == 0);
  BOOST_REQUIRE(run_keel(fmt::format("{} --seeds 2 --threads 4 --out b", small), folder.path()).status == 0);
  BOOST_REQUIRE(run_keel(fmt::format("{} --seeds 2 --seed 5 --out c", small), folder.path()).status == 0);
  const auto a = without_times(results(folder.path() / "a"));
  BOOST_TEST((a == without_times(results(folder.path() / "b"))));
  BOOST_TEST((a != without_times(results(folder.path() / "c"))));
}

BOOST_AUTO_TEST_CASE(a_diverging_run_is_kept_and_the_command_fails) {
  const auto finished =
      run_keel(fmt::format("{} --learning-rate 1e6 --momentum 0.99 --out results", small), folder.path());
  BOOST_TEST(finished.status == 1);
  BOOST_TEST(finished.err.find("try a lower --learning-rate") != std::string::npos, finished.err);
  const auto json = results(folder.path() / "results");
  for (const auto& run : json.at("runs"))
    BOOST_TEST((run.at("diverged") == true) != run.contains("not_learned"));
}

BOOST_AUTO_TEST_CASE(tables_go_to_standard_output_and_progress_to_standard_error) {
  const auto finished = run_keel("compare --limit 640 --epochs 2 --out results", folder.path());
  BOOST_TEST(finished.out.find("validation accuracy") != std::string::npos);
  BOOST_TEST(finished.out.find("epoch 1/2") == std::string::npos);
  BOOST_TEST(finished.err.find("plain seed 1 epoch 1/2") != std::string::npos);
  const auto quiet = run_keel(fmt::format("{} --out other", small), folder.path());
  BOOST_TEST(quiet.err.empty(), quiet.err);
}

BOOST_AUTO_TEST_CASE(results_go_to_a_folder_named_after_command_and_time) {
  BOOST_REQUIRE(run_keel(small, folder.path()).status == 0);
  const auto made = *std::filesystem::directory_iterator{folder.path() / "runs"};
  BOOST_TEST(made.path().filename().string().starts_with("compare-2"));
  BOOST_TEST(std::filesystem::exists(made.path() / "results.json"));
}

BOOST_AUTO_TEST_CASE(wrong_command_lines_have_status_2_and_say_why) {
  for (const auto* arguments :
       {"", "compair", "compare --batch-sise 64", "compare --epochs none", "compare --epochs 0",
        "compare --seeds -1", "compare --momentum 1", "compare --learning-rate -1",
        "compare --learning-rate nan", "compare --batch-size 0", "compare stray",
        "compare --seed 99999999999999999999999"}) {
    const auto finished = run_keel(arguments, folder.path());
    BOOST_TEST(finished.status == 2, arguments << ": " << finished.status);
    BOOST_TEST(finished.err.starts_with("keel: "), arguments << ": " << finished.err);
    BOOST_TEST(std::ranges::count(finished.err, '\n') == 1, arguments << ": " << finished.err);
    BOOST_TEST(finished.out.empty());
  }
  BOOST_TEST(std::filesystem::is_empty(folder.path()));
}

BOOST_AUTO_TEST_CASE(a_last_batch_of_one_is_refused_in_words) {
  const auto finished = run_keel("compare --limit 65 --out results", folder.path());
  BOOST_TEST(finished.status == 2);
  BOOST_TEST(finished.err.find("last batch of one") != std::string::npos, finished.err);
  BOOST_TEST(!std::filesystem::exists(folder.path() / "results"));
}

BOOST_AUTO_TEST_CASE(missing_data_has_status_3_and_leaves_nothing) {
  const auto finished = run_keel("compare --data nowhere --out results/deep", folder.path());
  BOOST_TEST(finished.status == 3);
  BOOST_TEST(finished.err.find("nowhere") != std::string::npos, finished.err);
  BOOST_TEST(!std::filesystem::exists(folder.path() / "results"));
}

BOOST_AUTO_TEST_CASE(a_folder_with_something_in_it_is_refused_unless_forced) {
  BOOST_REQUIRE(run_command("mkdir full && touch full/mine", folder.path()).status == 0);
  const auto finished = run_keel(fmt::format("{} --out full", small), folder.path());
  BOOST_TEST(finished.status == 2);
  BOOST_TEST(finished.err.find("not empty") != std::string::npos, finished.err);
  BOOST_TEST(run_keel(fmt::format("{} --out full --force", small), folder.path()).status == 0);
  BOOST_TEST(std::filesystem::exists(folder.path() / "full" / "mine"));
}

BOOST_AUTO_TEST_CASE(an_unwritable_folder_is_told_before_the_work_begins) {
  for (const auto* out : {"/proc/results", "file/results", "file"}) {
    BOOST_REQUIRE(run_command("touch file", folder.path()).status == 0);
    const auto finished = run_keel(fmt::format("{} --out {}", small, out), folder.path());
    BOOST_TEST(finished.status == 1, finished.err);
    BOOST_TEST(finished.err.find(out) != std::string::npos, finished.err);
    BOOST_TEST(finished.out.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_full_disk_leaves_no_half_result) {
  // A limit on the size of files stands in for a full disk.
  const auto finished = run_command(
      fmt::format("trap '' XFSZ; ulimit -f 1; '{}' {} --out results", std::getenv("KEEL_PROGRAM"), small),
      folder.path());
  BOOST_TEST(finished.status == 1, finished.err);
  BOOST_TEST(finished.err.find("seed-1.json' can't be written") != std::string::npos, finished.err);
  BOOST_TEST(!std::filesystem::exists(folder.path() / "results"));
}

BOOST_AUTO_TEST_CASE(an_interrupt_before_the_first_run_is_finished_leaves_nothing) {
  const auto finished = run_command(
      fmt::format(
          "'{}' compare --epochs 100000 --quiet --out results & pid=$!; sleep 2; kill -INT $pid; wait $pid",
          std::getenv("KEEL_PROGRAM")),
      folder.path());
  BOOST_TEST(finished.status == 130, finished.err);
  BOOST_TEST(finished.err.find("interrupted; 0 of 2 runs") != std::string::npos, finished.err);
  BOOST_TEST(!std::filesystem::exists(folder.path() / "results"));
}

// One run after the other: when the fourth reports its epoch, three are finished.
BOOST_AUTO_TEST_CASE(an_interrupt_keeps_what_is_finished) {
  const auto finished = run_command(
      fmt::format(
          ": >progress; '{}' compare --seeds 10000 --threads 1 --limit 640 --epochs 1 --out results "
          "2>progress & pid=$!;"
          "for i in $(seq 600); do [ $(grep -c 'epoch 1/1' progress) -lt 4 ] || break; sleep 0.1; done;"
          "kill -INT $pid; wait $pid",
          std::getenv("KEEL_PROGRAM")),
      folder.path());
  BOOST_TEST(finished.status == 130, read_file(folder.path() / "progress"));
  const auto json = results(folder.path() / "results");
  BOOST_TEST(json.at("runs").size() >= 3U);
  for (const auto& run : json.at("runs")) BOOST_TEST(run.at("epochs").size() == 1U);
  BOOST_TEST(json.at("summary").at("validation_loss").at("difference").at("mean").is_number());
}

BOOST_AUTO_TEST_CASE(help_and_version_succeed) {
  BOOST_TEST(run_keel("--help", folder.path()).status == 0);
  BOOST_TEST(run_keel("compare --help", folder.path()).out.find("--batch-size") != std::string::npos);
  const auto version = run_keel("--version", folder.path());
  BOOST_TEST(version.status == 0);
  BOOST_TEST(version.out.find("oneDNN") != std::string::npos, version.out);
}

BOOST_AUTO_TEST_CASE(reaches_pytorchs_accuracy_on_mnist,
                     *boost::unit_test::precondition(
                         [](boost::unit_test::test_unit_id) -> boost::test_tools::assertion_result {
                           return std::getenv("KEEL_MNIST_DIR") != nullptr;
                         })) {
  const auto finished = run_keel(
      fmt::format("compare --data '{}' --seeds 5 --quiet --out results", std::getenv("KEEL_MNIST_DIR")),
      folder.path());
  BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
  const auto json = results(folder.path() / "results");
  const auto& accuracy = json.at("summary").at("validation_accuracy");
  // PyTorch's distribution over ten seeds on the same work: means 0.9623 and 0.9717.
  const double plain = accuracy.at("plain").at("mean");
  const double bn = accuracy.at("bn").at("mean");
  BOOST_TEST(plain > 0.957);
  BOOST_TEST(plain < 0.967);
  BOOST_TEST(bn > 0.968);
  BOOST_TEST(bn < 0.975);
  for (std::size_t i = 0; i < 10; i += 2) {
    const auto last = [&](std::size_t run) {
      return json.at("runs").at(run).at("epochs").at(4).at("validation_accuracy").get<double>();
    };
    BOOST_TEST(last(i) < last(i + 1));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
