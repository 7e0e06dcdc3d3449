// What the study of activations makes of its runs, and its instruments beside numbers by hand.

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../../support/planted_runs.hpp"
#include "../../support/study_support.hpp"
#include "keel/models/initialize.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/studies/activations_watch.hpp"
#include "keel/tools/studies/registry.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

const Study& study() {
  return *find_study("activations");
}

std::vector<RunResult> changed(double effect, const std::function<void(RunResult&)>& change) {
  auto runs = planted_runs(study(), effect);
  for (auto& run : runs) change(run);
  return runs;
}

std::vector<float> values_of(const std::vector<Tensor>& tensors) {
  std::vector<float> values;
  for (const auto& tensor : tensors)
    values.insert(values.end(), tensor.data<float>().begin(), tensor.data<float>().end());
  return values;
}

BOOST_AUTO_TEST_SUITE(activations_study)

BOOST_AUTO_TEST_CASE(a_cosine_is_that_of_the_angle) {
  BOOST_TEST(cosine(std::array{3.0F, 4.0F}, std::array{6.0F, 8.0F}) == 1.0,
             boost::test_tools::tolerance(1e-12));
  BOOST_TEST(cosine(std::array{3.0F, 4.0F}, std::array{-4.0F, 3.0F}) == 0.0);
  BOOST_TEST(cosine(std::array{1.0F, 0.0F}, std::array{-1.0F, 0.0F}) == -1.0);
  BOOST_TEST(cosine(std::array{1.0F, 0.0F}, std::array{1.0F, 1.0F}) == std::sqrt(0.5),
             boost::test_tools::tolerance(1e-7));
  BOOST_TEST(std::isnan(cosine(std::array{0.0F}, std::array{1.0F})));
}

// Layers 2 and 3 of four are put back, with their norms; 1 and 4 stay as they are.
BOOST_AUTO_TEST_CASE(the_values_of_some_layers_are_put_back) {
  RunSettings settings{.model = "bn", .hidden = {6, 5, 4}};
  Network network{network_for(tiny_data(), settings)};
  initialize(network, Rng{1});
  const LayerValues values{network};
  BOOST_TEST(values.layers() == 4U);
  const auto before = values.save();
  for (const auto& [path, parameter] : parameters(network))
    for (auto& value : parameter->value().data<float>()) value += 1.0F;
  values.restore(before, 2, 4);
  for (const auto& [path, parameter] : parameters(network)) {
    if (parameter->kind() != Parameter::Kind::trained) continue;
    const bool is_back = path.find('2') != std::string::npos || path.find('3') != std::string::npos;
    const float gamma = parameter->value().data<float>()[0];
    if (path.ends_with("gamma")) BOOST_TEST(gamma == (is_back ? 1.0F : 2.0F), path);
  }
  values.restore(before, 1, 5);
  BOOST_TEST(values_of(values.save()) == values_of(before), boost::test_tools::per_element());
}

// The change of the second layer's gradient by a step of the first one, the others as they were, worked out
// with a network of its own.
BOOST_AUTO_TEST_CASE(a_layers_gradient_is_seen_to_change_by_what_the_layers_below_did_alone) {
  const ThreadLimit one_thread{1};
  RunSettings settings{.model = "bn", .hidden = {6, 5}, .epochs = 1, .batch_size = 20, .learning_rate = 0.5};
  Network network{network_for(tiny_data(), settings)};
  TrainingLoop loop{network, settings, {.data = tiny_data(), .stop = {}}};
  ActivationsWatch watch{network, loop, settings};
  const LayerValues values{network};
  Probe probe{network};
  BatchGatherer batch{tiny_data().train, 20};
  batch.gather(std::span{loop.split().training}.first(20));
  const auto gradient_of = [&](std::size_t layer) {
    const auto gradient = probe.weight_gradients(batch.images(), batch.labels())[layer - 1];
    return std::vector(gradient.begin(), gradient.end());
  };
  const auto start = values.save();
  const std::array was{gradient_of(2), gradient_of(3)};
  watch.before_step();
  loop.train([&](std::int64_t step, double) {
    const auto moved = values.save();
    watch.after_step(step);
    BOOST_TEST(values_of(values.save()) == values_of(moved), boost::test_tools::per_element());
    for (const std::size_t layer : {2U, 3U}) {
      values.restore(start, layer, 4);
      const auto is = gradient_of(layer);
      values.restore(moved, 1, 4);
      BOOST_TEST(loop.measures()[gradient_shift_measure(layer)].front() ==
                 relative_change(was[layer - 2], is));
      BOOST_TEST(loop.measures()[gradient_cosine_measure(layer)].front() == cosine(was[layer - 2], is));
      BOOST_TEST(relative_change(was[layer - 2], is) > 1e-3);
    }
    return false;
  });
}

BOOST_AUTO_TEST_CASE(noise_that_leaves_activations_steadier_than_plain_tests_nothing) {
  const auto noisy_drift = [](double drift) {
    return changed(1.0, [drift](RunResult& run) {
      if (run.settings.model == "noisy-bn") run.measures["drift"] = {drift};
    });
  };
  const auto steady = study().judge(noisy_drift(0.3)).back();
  BOOST_TEST((steady.verdict == Verdict::not_shown));
  BOOST_TEST(steady.withheld.find("drift by 0.30 with the noise and by 0.40 without") != std::string::npos,
             steady.withheld);
  const auto unsteady = study().judge(noisy_drift(0.5)).back();
  BOOST_TEST(unsteady.withheld == "");
  BOOST_TEST((unsteady.verdict == Verdict::supported));
  BOOST_TEST(study().judge(noisy_drift(0.3)).front().withheld == "");
}

BOOST_AUTO_TEST_CASE(the_table_has_every_layer_and_counts_those_against) {
  const auto runs = changed(1.0, [](RunResult& run) {
    if (run.settings.model == "plain") run.measures["gradient_shift_layer_4"] = {0.01, 0.01};
  });
  const auto table = study().tables(runs).at(1);
  BOOST_TEST(table.title.find("in 2 of 3 layers, 1 against") != std::string::npos, table.title);
  BOOST_TEST(table.rows.size() == 6U);
}

BOOST_AUTO_TEST_CASE(noise_is_shown_by_its_strength) {
  const auto figures = study().figures(planted_runs(study(), 1.0));
  const auto& dose = figures.at(5);
  BOOST_TEST(dose.title.starts_with("Drift"), dose.title);
  BOOST_REQUIRE(dose.series.size() == 1U);
  std::vector<double> strengths;
  for (const auto& point : dose.series[0].points) strengths.push_back(point.x);
  BOOST_TEST(strengths == (std::vector{0.0, 1.0, 2.0, 4.0}), boost::test_tools::per_element());
  BOOST_TEST(dose.levels.at(0).y == 0.4, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
