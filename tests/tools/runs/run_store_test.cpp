#include "keel/tools/runs/run_store.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>

#include "../../support/made_up_runs.hpp"
#include "keel/runtime/error.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

const Job never =
    job_of(1, [](const RunSettings&) -> std::optional<RunResult> { throw Error{"it was run"}; });

BOOST_FIXTURE_TEST_SUITE(run_store, StoreFolder)

BOOST_AUTO_TEST_CASE(a_kept_run_is_found_again_bit_for_bit) {
  auto run = result_of(settings_of(3));
  run.settings.hidden = {7, 9};
  run.settings.epochs = 12;
  run.settings.limit = 1000;
  store().save(run);
  const auto found = store().find(run.settings);
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST((found->settings == run.settings));
  BOOST_TEST(to_json(*found).dump() == to_json(run).dump());
  BOOST_TEST(found->epochs[0].train_loss == 1.0 / 3.0);
  BOOST_TEST(std::isnan(found->measures.at("series")[1]));
}

BOOST_AUTO_TEST_CASE(a_kept_run_is_not_run_again) {
  store().save(result_of(settings_of(1)));
  const auto store = this->store();
  const auto runs = run_quietly(std::span{&never, 1}, 1, &store);
  BOOST_REQUIRE(runs.size() == 1U);
  BOOST_TEST(runs[0].error == "");
  BOOST_TEST(runs[0].parameters == 100);
}

BOOST_AUTO_TEST_CASE(a_run_of_other_data_or_another_program_is_not_found) {
  store().save(result_of(settings_of(1)));
  BOOST_TEST(!store(true, {{"data", "xyz"}}).find(settings_of(1)));
  BOOST_TEST(!store(true, {{"data", "abc"}, {"keel", "2"}}).find(settings_of(1)));
  BOOST_TEST(store().find(settings_of(1)).has_value());
}

// None of these is in the name of a run's file.
BOOST_AUTO_TEST_CASE(a_run_with_other_settings_is_not_found) {
  const auto settings = settings_of(1);
  store().save(result_of(settings));
  for (const auto& change : std::vector<std::function<void(RunSettings&)>>{
           [](auto& s) { s.epochs = 6; },
           [](auto& s) {
             s.hidden = {128, 128};
           },
           [](auto& s) { s.limit = 10; }, [](auto& s) { s.momentum = 0.0; },
           [](auto& s) { s.learning_rate = std::nextafter(0.01, 1.0); },
           [](auto& s) { s.factors.set("size", std::nextafter(0.1, 1.0)); },
           [](auto& s) { s.factors.set("kind", "a-b"); }, [](auto& s) { s.seed = 2; }}) {
    auto other = settings;
    change(other);
    BOOST_TEST(!store().find(other), to_json(other).dump());
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_found_unless_runs_are_to_be_reused) {
  store().save(result_of(settings_of(1)));
  BOOST_TEST(!store(false).find(settings_of(1)));
  const auto fresh = store(false);
  BOOST_TEST(run_quietly(std::span{&never, 1}, 1, &fresh)[0].error == "it was run");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_whole_run_is_passed_over) {
  store().save(result_of(settings_of(1)));
  const auto whole = read_file(only_file());
  auto without_run = Json::parse(whole);
  without_run.erase("run");
  auto half_run = Json::parse(whole);
  half_run["run"].erase("epochs");
  auto odd_run = Json::parse(whole);
  odd_run["run"]["parameters"] = "many";
  for (const auto& content :
       {std::string{}, whole.substr(0, whole.size() / 2), std::string{"[1, 2]"}, std::string{"null"},
        std::string{"{}"}, without_run.dump(), half_run.dump(), odd_run.dump()}) {
    overwrite(content);
    BOOST_CHECK_NO_THROW(BOOST_TEST(!store().find(settings_of(1)), content));
  }
  overwrite(whole);
  BOOST_TEST(store().find(settings_of(1)).has_value());
}

BOOST_AUTO_TEST_CASE(runs_that_cannot_be_kept_are_an_error) {
  std::ofstream{folder.path() / "file"} << "in the way";
  BOOST_CHECK_EXCEPTION((RunStore{folder.path() / "file", {}, true}), Error, [](const Error& error) {
    return std::string_view{error.what()}.find("can't be made") != std::string_view::npos;
  });
  const auto store = this->store();
  std::filesystem::remove(folder.path() / "runs");
  std::atomic<int> run = 0;
  std::vector<Job> jobs;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    jobs.push_back(job_of(seed, [&](const RunSettings& settings) {
      ++run;
      return std::optional{result_of(settings)};
    }));
  }
  BOOST_CHECK_THROW(run_quietly(jobs, 2, &store), Error);
  BOOST_TEST(run < 50);
}

BOOST_AUTO_TEST_CASE(a_description_tells_what_varies) {
  BOOST_TEST(describe(settings_of(3)) == "made-up size 0.1 a+b bn batch 64 rate 0.01 seed 3");
  BOOST_TEST(describe({.model = "plain", .seed = 2}) == "plain seed 2");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
