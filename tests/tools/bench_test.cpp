#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "../support/process.hpp"

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
  for (const auto* model : {"plain", "bn"}) {
    for (const int batch : {32, 64, 128, 512}) BOOST_TEST(seen.contains({model, batch}));
    for (const int batch : {1, 64, 1024})
      BOOST_TEST(seen.contains({std::string{model} + "-inference", batch}));
  }
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
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
