// Files of runs that are not what was written there.

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <sstream>

#include "../../support/made_up_runs.hpp"
#include "keel/runtime/rng.hpp"
#include "keel/tools/data/sha256.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

std::string sum_of(const std::string& text) {
  Sha256 sum;
  sum.add({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  return sum.hex();
}

struct RunFile : StoreFolder {
  RunFile() { store().save(result_of(settings_of(1))); }

  [[nodiscard]] std::string content() const { return read_file(only_file()); }

  // Writes what `change` makes of the file's object, with a checksum that is right.
  void change(const std::function<void(Json&)>& change) const {
    auto json = Json::parse(content());
    json.erase("sha256");
    change(json);
    const auto text = json.dump();
    overwrite("{\"sha256\":\"" + sum_of(text) + "\"," + text.substr(1) + "\n");
  }

  // What is said of the file, by which it is not believed.
  [[nodiscard]] std::string doubt() const {
    try {
      return store().run_in(content(), "it", settings_of(1)) ? "it is believed" : "it is another run";
    } catch (const std::exception& error) {
      return error.what();
    }
  }
  void check_doubted(const char* says) const {
    const auto text = doubt();
    BOOST_TEST(text.find(says) != std::string::npos, says << ": " << text);
    BOOST_TEST(!store().find(settings_of(1)).has_value(), says);
  }
};

BOOST_FIXTURE_TEST_SUITE(run_files, RunFile)

BOOST_AUTO_TEST_CASE(a_file_with_any_bit_flipped_is_not_believed) {
  const auto whole = content();
  BOOST_TEST(doubt() == "it is believed");
  const auto run = to_json(store().find(settings_of(1)).value()).dump();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    overwrite(flipped);
    BOOST_TEST(doubt().starts_with("'it' "), i << ": " << doubt());
  }
  overwrite(whole);
  BOOST_TEST(to_json(store().find(settings_of(1)).value()).dump() == run);
}

BOOST_AUTO_TEST_CASE(a_file_cut_short_or_with_something_behind_it_is_not_believed) {
  const auto whole = content();
  for (std::size_t length = 0; length < whole.size(); length += 7) {
    overwrite(whole.substr(0, length));
    BOOST_TEST(doubt().starts_with("'it' has no checksum"), length << doubt());
  }
  overwrite(whole + "\n");
  check_doubted("checksum");
}

BOOST_AUTO_TEST_CASE(a_file_of_an_older_keel_has_no_checksum_and_is_not_believed) {
  auto json = Json::parse(content());
  json.erase("sha256");
  overwrite(json.dump());
  check_doubted("of an older keel");
}

BOOST_AUTO_TEST_CASE(numbers_that_no_run_has_are_not_believed) {
  const auto whole = content();
  const auto run = [](Json& json) -> Json& { return json["run"]; };
  const std::vector<std::pair<const char*, std::function<void(Json&)>>> changes{
      {"test_accuracy is 1.5", [&](Json& json) { run(json)["test_accuracy"] = 1.5; }},
      {"test_accuracy is not a number", [&](Json& json) { run(json)["test_accuracy"] = true; }},
      {"validation_accuracy is -0.1",
       [&](Json& json) { run(json)["epochs"][0]["validation_accuracy"] = -0.1; }},
      {"steps is not a whole number", [&](Json& json) { run(json)["epochs"][0]["steps"] = 1e300; }},
      {"steps is -1", [&](Json& json) { run(json)["epochs"][0]["steps"] = -1; }},
      {"steps is 18446744073709551615",
       [&](Json& json) { run(json)["epochs"][0]["steps"] = ~std::uint64_t{0}; }},
      {"seconds is -1", [&](Json& json) { run(json)["epochs"][0]["seconds"] = -1; }},
      {"epoch 2 stands in place 1", [&](Json& json) { run(json)["epochs"][0]["epoch"] = 2; }},
      {"epochs is not a list", [&](Json& json) { run(json)["epochs"] = 3; }},
      {"6 epochs of 5",
       [&](Json& json) {
         auto epoch = run(json)["epochs"][0];
         for (int i = 2; i <= 6; ++i) {
           epoch["epoch"] = i;
           run(json)["epochs"].push_back(epoch);
         }
       }},
      {"parameters is -1", [&](Json& json) { run(json)["parameters"] = -1; }},
      {"diverged is neither", [&](Json& json) { run(json)["diverged"] = 1; }},
      {"batch_size is 0", [&](Json& json) { run(json)["batch_size"] = 0; }},
      {"momentum is 2", [&](Json& json) { run(json)["momentum"] = 2; }},
      {"learning_rate is not a number", [&](Json& json) { run(json)["learning_rate"] = "0.1"; }},
      {"measures is not an object",
       [&](Json& json) {
         run(json)["measures"] = {1, 2};
       }},
      {"measure 'series' is not a list", [&](Json& json) { run(json)["measures"]["series"] = 1; }},
      {"where a number belongs", [&](Json& json) { run(json)["measures"]["series"][0] = "x"; }},
  };
  for (const auto& [says, make] : changes) {
    overwrite(whole);
    change(make);
    check_doubted(says);
  }
  overwrite(whole);
  change([](Json&) {});
  BOOST_TEST(doubt() == "it is believed");
}

BOOST_AUTO_TEST_CASE(a_run_of_compare_has_all_its_epochs) {
  auto run = result_of({.model = "bn", .epochs = 1});
  store().save(run);
  BOOST_TEST(store().find(run.settings).has_value());
  run.settings.epochs = 2;
  run.settings.seed = 9;
  store().save(run);
  BOOST_TEST(!store().find(run.settings).has_value());
}

// What kept it from being finished, such as memory that was short, may be over.
BOOST_AUTO_TEST_CASE(a_run_that_failed_is_done_again) {
  auto run = result_of(settings_of(5));
  run.error = "the system gives this program no more memory";
  store().save(run);
  BOOST_TEST(!store().find(settings_of(5)).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_no_regular_file_is_an_error_and_not_waited_for) {
  const auto path = only_file();
  std::filesystem::remove(path);
  BOOST_REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  BOOST_CHECK_THROW((void)store().find(settings_of(1)), DataError);
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  BOOST_CHECK_THROW((void)store().find(settings_of(1)), DataError);
}

BOOST_AUTO_TEST_CASE(brackets_without_end_do_no_harm) {
  const auto deep = std::string(200'000, '[');
  overwrite(deep);
  check_doubted("no checksum");
  const auto text = "{\"a\":" + deep + std::string(200'000, ']') + "}";
  overwrite("{\"sha256\":\"" + sum_of(text) + "\"," + text.substr(1) + "\n");
  check_doubted("nested too deeply");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
