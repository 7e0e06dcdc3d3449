// Networks whose weights, rate and decay are rescaled, and what is made of the norms that training ends in.

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../../support/planted_runs.hpp"
#include "../../support/study_support.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/studies/weight_decay_figures.hpp"
#include "keel/tools/training/scaled_weights.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

// The study's run of an arm at the common settings, with the weights times `scale`, in a precision; its
// losses.
std::vector<double> losses(const std::string& model, double scale, DType precision) {
  const ThreadLimit one_thread{1};
  for (const auto& job : find_study("weight-decay")->jobs({.data = tiny_data(), .seeds = 1, .quick = true})) {
    const auto* factor = job.settings.factors.find("scale");
    if (factor == nullptr || factor->number() != 1.0 || job.settings.model != model) continue;
    auto settings = job.settings;
    settings.factors.set("scale", scale);
    settings.learning_rate *= scale * scale;
    settings.weight_decay /= scale * scale;
    settings.precision = precision;
    settings.hidden = {16, 16};
    settings.epochs = 20;
    const auto run = job.run(settings, {.data = tiny_data(), .stop = {}});
    const auto found = series(run.value(), "loss");
    return {found.begin(), found.end()};
  }
  throw std::out_of_range{model};
}

std::vector<float> last_layer_of(Network& network) {
  for (const auto& [path, parameter] : parameters(network)) {
    const auto values = parameter->value().data<float>();
    if (path == "fc3.weights") return {values.begin(), values.end()};
  }
  return {};
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  BOOST_TEST_REQUIRE(a.size() == b.size());
  BOOST_TEST_REQUIRE(a.size() >= 20U);
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

BOOST_AUTO_TEST_SUITE(weight_decay_study)

BOOST_AUTO_TEST_CASE(with_batch_norm_the_path_under_rescaled_weights_is_the_same_to_rounding) {
  const double in_f64 =
      largest_difference(losses("bn-bare", 1.0, DType::f64), losses("bn-bare", 1.0 / 3.0, DType::f64));
  const double in_f32 =
      largest_difference(losses("bn-bare", 1.0, DType::f32), losses("bn-bare", 1.0 / 3.0, DType::f32));
  BOOST_TEST_MESSAGE("f64: " << in_f64 << ", f32: " << in_f32);
  BOOST_TEST(in_f64 < 1e-10);
  BOOST_TEST(in_f32 < 1e-3);
}

// Products with powers of two are exact.
BOOST_AUTO_TEST_CASE(rescaled_by_a_power_of_two_it_is_the_same_bit_for_bit) {
  BOOST_TEST(losses("bn-bare", 1.0, DType::f32) == losses("bn-bare", 0.25, DType::f32),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(without_a_norm_it_is_another_path) {
  BOOST_TEST(largest_difference(losses("plain", 1.0, DType::f64), losses("plain", 1.0 / 3.0, DType::f64)) >
             0.05);
}

BOOST_AUTO_TEST_CASE(norms_are_held_and_the_last_layer_stays) {
  const ThreadLimit one_thread{1};
  const RunSettings settings{.model = "bn-bare",
                             .hidden = {16, 8},
                             .epochs = 2,
                             .batch_size = 20,
                             .learning_rate = 0.1,
                             .weight_decay = 0.1};
  Network network{network_for(tiny_data(), settings)};
  TrainingLoop loop{network, settings, {.data = tiny_data(), .stop = {}}};
  const ScaledWeights weights{network, 2};
  weights.freeze_last_layer();
  const auto start = weights.norms();
  BOOST_TEST_REQUIRE(start.size() == 2U);
  weights.multiply(3.0);
  BOOST_TEST(weights.norms()[1] == 3.0 * start[1], boost::test_tools::tolerance(1e-6));
  BOOST_TEST(weights.mean_norm() == 3.0 * std::sqrt(start[0] * start[1]), boost::test_tools::tolerance(1e-6));
  const auto last = last_layer_of(network);
  loop.train();
  BOOST_TEST(last_layer_of(network) == last, boost::test_tools::per_element());
  BOOST_TEST(weights.norms()[0] != 3.0 * start[0]);
  weights.set_norms(start);
  for (std::size_t i = 0; i < 2; ++i)
    BOOST_TEST(weights.norms()[i] == start[i], boost::test_tools::tolerance(1e-6));
}

// Norms that grow as rate^0.3 / decay^0.2 have a slope of 0.25 by the quotient where both vary alike.
BOOST_AUTO_TEST_CASE(exponents_are_slopes_of_logarithms) {
  std::vector<RunResult> runs;
  for (const double rate : {0.1, 0.2, 0.4})
    for (const double decay : {0.01, 0.02, 0.04}) {
      RunResult run;
      run.settings = {
          .factors = {{"part", "equilibrium"}}, .learning_rate = rate, .weight_decay = decay, .seed = 4};
      run.measures["norm"] = {1.0, std::pow(rate, 0.3) / std::pow(decay, 0.2)};
      runs.push_back(run);
    }
  BOOST_TEST(norm_exponents(runs, rate_over_decay).at(4) == 0.25, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(norm_exponents(runs, [](const RunSettings& s) { return s.learning_rate; }).at(4) == 0.3,
             boost::test_tools::tolerance(1e-9));
  runs.back().measures.clear();
  BOOST_TEST(std::isnan(norm_exponents(runs, rate_over_decay).at(4)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
