#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "../../support/process.hpp"

namespace keel::test {
namespace {

BOOST_AUTO_TEST_SUITE(bench)

BOOST_AUTO_TEST_CASE(measures_every_case_and_writes_it) {
  const TemporaryFolder folder;
  const auto finished = run_keel("bench --repeats 1 --threads 1 --json bench.json", folder.path());
  BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
  const auto json = nlohmann::json::parse(read_file(folder.path() / "bench.json"));
  std::set<std::pair<std::string, int>> seen;
  for (const auto& entry : json.at("cases")) {
    seen.emplace(entry.at("model"), entry.at("batch_size"));
    BOOST_TEST(entry.at("threads") == 1);
    for (const auto* key : {"step_us", "floor_us", "ratio"}) BOOST_TEST(entry.at(key).get<double>() > 0.0);
  }
  BOOST_TEST(seen.size() == json.at("cases").size());
  for (const auto* key : {"node_overhead_ns", "compile_us"}) BOOST_TEST(json.at(key).get<double>() > 0.0);
  for (const auto* key : {"keel", "onednn", "cpu"}) BOOST_TEST(!json.at(key).get<std::string>().empty());
  for (const auto* model : {"plain", "bn"}) {
    for (const int batch : {32, 64, 128, 512}) BOOST_TEST(seen.contains({model, batch}));
    for (const int batch : {1, 64, 1024})
      BOOST_TEST(seen.contains({std::string{model} + "-inference", batch}));
  }
}

BOOST_AUTO_TEST_CASE(measures_only_the_cases_asked_for) {
  const TemporaryFolder folder;
  const auto finished =
      run_keel("bench --model bn --batch-size 64 --repeats 1 --threads 1 --json bench.json", folder.path());
  BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
  const auto cases = nlohmann::json::parse(read_file(folder.path() / "bench.json")).at("cases");
  BOOST_REQUIRE(cases.size() == 2U);
  BOOST_TEST(cases[0].at("model") == "bn");
  BOOST_TEST(cases[1].at("model") == "bn-inference");
  const auto none = run_keel("bench --model deep-bn --batch-size 65", folder.path());
  BOOST_TEST(none.status == 2);
  BOOST_TEST(none.err.find("no case of deep-bn at batch 65") != std::string::npos, none.err);
}

// tools/bench-torch builds and runs the real thing.
BOOST_AUTO_TEST_CASE(against_libtorch_says_how_to_get_it) {
  const TemporaryFolder folder;
  const auto finished = run_keel("bench --against torch --repeats 1 --json bench.json", folder.path());
  BOOST_TEST(finished.status == 1);
  BOOST_TEST(finished.err.find("built without libtorch") != std::string::npos, finished.err);
  BOOST_TEST(finished.err.find("tools/bench-torch") != std::string::npos, finished.err);
  BOOST_TEST(finished.out.empty(), finished.out);
  BOOST_TEST(!std::filesystem::exists(folder.path() / "bench.json"));
  BOOST_TEST(run_keel("bench --against numpy", folder.path()).status == 2);
}

BOOST_AUTO_TEST_CASE(profiles_the_nodes_of_a_step) {
  const TemporaryFolder folder;
  const auto finished = run_keel("bench --profile bn --threads 1", folder.path());
  BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
  for (const auto* text : {"batch_norm+relu", "matmul+velocity", "sgd_update", "GFLOP/s", "sum"}) {
    BOOST_TEST(finished.out.find(text) != std::string::npos, text);
  }
  BOOST_TEST(run_keel("bench --profile nothing", folder.path()).status == 2);
}

BOOST_AUTO_TEST_CASE(a_file_that_can_not_be_written_is_named) {
  const TemporaryFolder folder;
  const auto finished = run_keel("bench --repeats 1 --threads 1 --json nowhere/bench.json", folder.path());
  BOOST_TEST(finished.status == 1);
  BOOST_TEST(finished.err.find("'nowhere/bench.json' can't be written") != std::string::npos, finished.err);
  BOOST_TEST(finished.out.empty(), finished.out);  // it was told before the work
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
