#include "keel/tools/training/evaluator.hpp"

#include <boost/test/unit_test.hpp>
#include <numeric>
#include <vector>

#include "../../support/study_support.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/statistics_guard.hpp"
#include "keel/tools/training/network.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

Network started_network() {
  auto network = network_for(tiny_data(), {.model = "bn", .hidden = {16}, .batch_size = 32});
  Network result{network};
  initialize(result, Rng{1});
  return result;
}

BOOST_AUTO_TEST_SUITE(evaluator)

// Batches of 16 of 33 images: with the last one, which alone would have no variance, it would throw.
BOOST_AUTO_TEST_CASE(in_training_mode_a_last_single_image_is_left_out) {
  Network network = started_network();
  const StatisticsGuard guard{parameters(network)};
  const auto evaluate = [&](Mode mode, std::size_t count) {
    std::vector<std::int32_t> indices(count);
    std::iota(indices.begin(), indices.end(), 0);
    Evaluator evaluator{[&](const Var& images) { return network(images); }, 16, mode};
    return evaluator(tiny_data().train, indices);
  };
  BOOST_TEST(evaluate(Mode::training, 33).loss == evaluate(Mode::training, 32).loss);
  BOOST_TEST(evaluate(Mode::training, 34).loss != evaluate(Mode::training, 32).loss);
  BOOST_TEST(evaluate(Mode::inference, 33).loss != evaluate(Mode::inference, 32).loss);
  BOOST_TEST(evaluate(Mode::training, 32).loss != evaluate(Mode::inference, 32).loss);
}

BOOST_AUTO_TEST_CASE(means_are_the_same_whatever_the_batches) {
  Network network = started_network();
  const auto evaluate = [&](std::int64_t batch_size) {
    Evaluator evaluator{[&](const Var& images) { return network(images); }, batch_size};
    return evaluator(tiny_data().test);
  };
  const auto whole = evaluate(100);
  for (const std::int64_t batch_size : {1, 7, 64, 1000}) {
    BOOST_TEST(evaluate(batch_size).loss == whole.loss, boost::test_tools::tolerance(1e-5));
    BOOST_TEST(evaluate(batch_size).accuracy == whole.accuracy);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
