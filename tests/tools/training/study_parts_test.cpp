// The measuring instruments of the studies, on numbers worked out by hand.

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "../../support/study_support.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/training_step.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/data/batches.hpp"
#include "keel/tools/findings/percentiles.hpp"
#include "keel/tools/training/probe.hpp"
#include "keel/tools/training/recurrent_network.hpp"
#include "keel/tools/training/targets.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Looks at a single unit.
std::vector<std::vector<Percentiles>> looks(std::initializer_list<Percentiles> of_unit) {
  std::vector<std::vector<Percentiles>> result;
  for (const auto& look : of_unit) result.push_back({look});
  return result;
}

std::vector<std::string> paths_of(RecurrentNetwork& network) {
  std::vector<std::string> paths;
  for (const auto& [path, parameter] : parameters(network)) paths.push_back(path);
  return paths;
}

struct Watched {
  ThreadLimit one_thread{1};
  RunSettings settings{.hidden = {16}, .epochs = 30, .batch_size = 20, .learning_rate = 0.05};
  Network network{network_for(tiny_data(), settings)};
  TrainingLoop loop{network, settings, {.data = tiny_data(), .stop = {}}};
};

BOOST_AUTO_TEST_SUITE(study_parts)

// Eleven values: the places of the shares 0, 0.1, ... are the values themselves.
BOOST_AUTO_TEST_CASE(percentiles_are_interpolated_between_order_statistics) {
  const std::array<float, 11> sorted{0, 1, 4, 9, 16, 25, 36, 49, 64, 81, 100};
  BOOST_TEST(percentile(sorted, 0.0) == 0.0);
  BOOST_TEST(percentile(sorted, 1.0) == 100.0);
  BOOST_TEST(percentile(sorted, 0.5) == 25.0);
  BOOST_TEST(percentile(sorted, 0.15) == 2.5, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(percentile(sorted, 0.85) == 72.5, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(percentile(std::array{7.0F}, 0.15) == 7.0);
  BOOST_TEST(percentile(std::array{1.0F, 2.0F}, 0.85) == 1.85, boost::test_tools::tolerance(1e-12));
}

// Three units' values over five samples in two batches, none of them in order.
BOOST_AUTO_TEST_CASE(unit_values_are_taken_column_by_column) {
  UnitValues values;
  values.add(std::array{5.0F, 0.0F, -1.0F, 1.0F, 0.0F, -2.0F}, 3);
  values.add(std::array{4.0F, 0.0F, -3.0F, 2.0F, 0.0F, -4.0F, 3.0F, 0.0F, -5.0F}, 3);
  const auto percentiles = values.percentiles();
  BOOST_REQUIRE(percentiles.size() == 3U);
  BOOST_TEST(percentiles[0].p50 == 3.0);
  BOOST_TEST(percentiles[0].p15 == 1.6, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(percentiles[0].p85 == 4.4, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(percentiles[1].p85 == 0.0);
  BOOST_TEST(percentiles[2].p50 == -3.0);
}

// The median moves by 1 and by 3, 2 on average, where the outer percentiles are 4 apart on average.
BOOST_AUTO_TEST_CASE(drift_is_movement_over_spread) {
  BOOST_TEST(drift(looks({{-1, 0, 1}, {-1, 1, 3}, {-4, -2, 2}})) == 0.5, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(drift(looks({{-1, 0, 1}, {-1, 0, 1}})) == 0.0);
  // Shifted and scaled it is the same.
  BOOST_TEST(drift(looks({{8, 10, 12}, {8, 12, 16}, {2, 6, 14}})) == 0.5,
             boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(drift_is_a_mean_over_units_that_vary) {
  const std::vector<std::vector<Percentiles>> two_looks{{{0, 1, 2}, {5, 5, 5}, {0, 2, 4}},
                                                        {{0, 2, 2}, {5, 5, 5}, {0, 3, 4}}};
  BOOST_TEST(drift(two_looks) == (0.5 + 0.25) / 2, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(std::isnan(drift(looks({{0, 1, 2}}))));
  BOOST_TEST(std::isnan(drift({})));
  BOOST_TEST(std::isnan(drift(looks({{1, 1, 1}, {1, 1, 1}}))));
}

BOOST_AUTO_TEST_CASE(a_target_is_reached_where_accuracy_crosses_it) {
  const std::array at{10.0, 20.0, 30.0, 40.0};
  const std::array accuracies{0.5, 0.9, 1.0, 0.2};
  BOOST_TEST(first_reached(0.95, at, accuracies).value() == 25.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(first_reached(0.9, at, accuracies).value() == 20.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(first_reached(0.6, at, accuracies).value() == 12.5, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(first_reached(0.3, at, accuracies).value() == 10.0);
}

BOOST_AUTO_TEST_CASE(a_target_that_is_not_reached_has_no_place) {
  const std::array at{10.0, 20.0};
  BOOST_TEST(!first_reached(0.95, at, std::array{0.5, 0.94999}));
  BOOST_TEST(!first_reached(0.95, at, std::array{nan, nan}));
  BOOST_TEST(!first_reached(0.95, {}, {}));
  BOOST_TEST(first_reached(0.95, at, std::array{0.5, 0.95}).has_value());
}

BOOST_AUTO_TEST_CASE(targets_are_named_in_percent) {
  BOOST_TEST(target_name(0.95) == "95");
  BOOST_TEST(target_name(0.97) == "97");
}

// 16 steps an epoch and 4 looks: after steps 4, 8, 12, ... until both targets are reached.
BOOST_FIXTURE_TEST_CASE(a_watch_looks_until_all_targets_are_reached, Watched) {
  TargetWatch watch{loop, 4};
  std::int64_t last = 0;
  loop.train([&](std::int64_t step, double) {
    last = step;
    return !watch.after_step(step);
  });
  watch.record();
  const auto& measures = loop.measures();
  const auto& steps = measures.at("steps");
  BOOST_REQUIRE(steps.size() > 1U);
  for (std::size_t i = 0; i < steps.size(); ++i) BOOST_TEST(steps[i] == 4.0 * static_cast<double>(i + 1));
  BOOST_TEST(static_cast<double>(last) == steps.back());
  BOOST_TEST(measures.at("accuracy").size() == steps.size());
  BOOST_TEST(measures.at("loss").size() == steps.size());
  BOOST_TEST(measures.at("accuracy").back() >= 0.97);
  BOOST_TEST(measures.at("steps_to_95")[0] <= measures.at("steps_to_97")[0]);
  BOOST_TEST(measures.at("steps_to_97")[0] <= steps.back());
  BOOST_TEST(measures.at("to_97_seconds")[0] > 0.0);
}

BOOST_FIXTURE_TEST_CASE(a_watch_looks_at_the_last_step, Watched) {
  TargetWatch watch{loop, 4};
  loop.train([&](std::int64_t step, double) {
    watch.after_step(step);
    if (step == 3) watch.record();  // which leaves no trace in what is seen later
    return step < 6;
  });
  BOOST_TEST(loop.measures().at("steps") == std::vector{3.0}, boost::test_tools::per_element());
  watch.record();
  BOOST_TEST(loop.measures().at("steps") == (std::vector{4.0, 6.0}), boost::test_tools::per_element());
  BOOST_TEST(loop.measures().at("accuracy").back() == loop.validate().accuracy);
}

BOOST_FIXTURE_TEST_CASE(a_watch_that_has_seen_nothing_records_no_targets, Watched) {
  TargetWatch watch{loop, 4};
  loop.measures()["steps_to_95"] = {3.0};  // of an earlier record, at a step that is no look now
  watch.record();
  BOOST_TEST(loop.measures().at("steps").empty());
  BOOST_TEST(!loop.measures().contains("steps_to_95"));
}

BOOST_AUTO_TEST_CASE(norms_are_euclidean) {
  BOOST_TEST(norm(std::array{3.0F, -4.0F}) == 5.0);
  BOOST_TEST(norm({}) == 0.0);
  BOOST_TEST(norm(std::array{3e30F, -4e30F}) == 5e30, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(relative_change(std::array{3.0F, 4.0F}, std::array{3.0F, 4.0F}) == 0.0);
  BOOST_TEST(relative_change(std::array{3.0F, 4.0F}, std::array{-3.0F, -4.0F}) == 2.0);
  BOOST_TEST(relative_change(std::array{3.0F, 4.0F}, std::array{3.0F, 5.0F}) == 0.2);
}

// Per step, eight norms of rows and, from the second step on, seven of states.
BOOST_AUTO_TEST_CASE(recurrent_networks_have_the_norms_of_their_names) {
  const std::vector<std::string> plain{"input.weights", "hidden.weights", "output.weights", "output.bias"};
  for (const auto& [model, norms] :
       {std::pair{"plain", 0}, {"bn-shared", 2}, {"bn-per-step", 15}, {"ln", 1}}) {
    RecurrentNetwork network{{.height = 8,
                              .width = 8,
                              .crop = {.rows = 8, .columns = 8},
                              .state = 6,
                              .classes = 5,
                              .model = model}};
    auto paths = paths_of(network);
    int found = 0;
    for (const auto& path : paths) found += path.ends_with(".gamma") ? 1 : 0;
    BOOST_TEST(found == norms, model);
    for (const auto& path : plain) BOOST_TEST((std::ranges::find(paths, path) != paths.end()), model << path);
    const bool has_bias = std::ranges::find(paths, "input.bias") != paths.end();
    BOOST_TEST(has_bias == !std::string{model}.starts_with("bn"), model);
  }
}

BOOST_AUTO_TEST_CASE(an_unknown_recurrent_network_is_refused_by_name) {
  BOOST_CHECK_EXCEPTION((RecurrentNetwork{{.model = "lstm"}}), Error, [](const Error& error) {
    return std::string_view{error.what()}.find("'lstm'") != std::string_view::npos;
  });
}

// Without steps in between, the state is what a single row gives.
BOOST_AUTO_TEST_CASE(a_recurrent_network_of_one_row_is_a_perceptron) {
  RecurrentNetwork network{
      {.height = 1, .width = 3, .crop = {.rows = 1, .columns = 3}, .state = 4, .classes = 2}};
  initialize(network, Rng{4});
  std::map<std::string, std::span<float>> values;
  for (const auto& [path, parameter] : parameters(network)) values[path] = parameter->value().data<float>();
  const std::array<float, 3> row{0.5F, -1.0F, 0.25F};
  Inference<RecurrentNetwork> inference{network};
  const auto logits = inference(Tensor::of<float>({1, 3}, std::span<const float>{row})).data<float>();
  for (std::size_t k = 0; k < 2; ++k) {
    double logit = values.at("output.bias")[k];
    for (std::size_t j = 0; j < 4; ++j) {
      double sum = values.at("input.bias")[j];
      for (std::size_t i = 0; i < 3; ++i)
        sum += values.at("input.weights")[3 * j + i] * static_cast<double>(row[i]);
      logit += values.at("output.weights")[4 * k + j] * std::tanh(sum);
    }
    BOOST_TEST(std::abs(logits[k] - logit) < 1e-5);
  }
}

BOOST_AUTO_TEST_CASE(a_recurrent_network_learns_the_order_of_the_rows) {
  const ThreadLimit one_thread{1};
  RunSettings settings{.model = "plain", .epochs = 12, .batch_size = 20, .learning_rate = 0.05};
  RecurrentNetwork network{
      {.height = 8, .width = 8, .crop = {.rows = 8, .columns = 8}, .state = 24, .classes = 5}};
  TrainingLoop loop{network, settings, {.data = tiny_data(), .stop = {}}};
  loop.train();
  const auto run = loop.finish();
  BOOST_REQUIRE(run.has_value());
  BOOST_TEST(run->test->accuracy > 0.6);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
