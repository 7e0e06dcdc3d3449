#include "keel/models/population_statistics.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::converted;
using test::random_tensor;
using test::values;

using Values = std::map<std::string, std::vector<double>>;

template <class Model>
Values values_of(Model& model) {
  Values result;
  for (const auto& [path, parameter] : parameters(model)) result[path] = values(parameter->value());
  return result;
}

constexpr std::int64_t samples = 103;

// Rows of a training set with a mean and a spread of its own.
Tensor rows(std::int64_t begin, std::int64_t end, DType dtype) {
  static const Tensor all = random_tensor({samples, 6}, 8, 1.5, 0.7);
  const auto part = all.data<float>().subspan(static_cast<std::size_t>(begin * 6),
                                              static_cast<std::size_t>((end - begin) * 6));
  return converted(Tensor::of<float>({end - begin, 6}, std::span<const float>{part}), dtype);
}

std::vector<Tensor> batches_of(std::int64_t size, DType dtype) {
  std::vector<Tensor> batches;
  for (std::int64_t begin = 0; begin < samples; begin += size)
    batches.push_back(rows(begin, std::min(begin + size, samples), dtype));
  return batches;
}

// Three batch norms, after some training so that no value is what it started as.
struct Trained {
  explicit Trained(DType dtype)
      : model{{.inputs = 6, .hidden = {16, 12, 8}, .classes = 3, .batch_norm = true}} {
    initialize(model, Rng{5}, dtype);
    Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
    TrainingStep step{model, sgd, cross_entropy};
    for (std::uint64_t i = 1; i <= 5; ++i)
      step(converted(random_tensor({16, 6}, i), dtype), test::random_labels(16, 3, i));
  }
  Mlp model;
};

struct Repeated {
  BatchNorm norm{6};
  Var operator()(const Var& src) { return norm(relu(norm(src))); }
  void visit(auto&& each) { each("norm", norm); }
};

// Mean and unbiased variance of each column.
std::pair<std::vector<double>, std::vector<double>> moments(const std::vector<double>& data,
                                                            std::size_t columns) {
  const auto count = static_cast<double>(data.size() / columns);
  std::vector<double> mean(columns);
  std::vector<double> variance(columns);
  for (std::size_t i = 0; i < data.size(); ++i) mean[i % columns] += data[i] / count;
  for (std::size_t i = 0; i < data.size(); ++i)
    variance[i % columns] += std::pow(data[i] - mean[i % columns], 2) / (count - 1);
  return {mean, variance};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(population_statistics_test)

BOOST_AUTO_TEST_CASE(of_the_first_layer_they_are_the_moments_of_the_set) {
  BatchNorm norm{6};
  initialize(norm, Rng{1}, DType::f64);
  population_statistics(norm, batches_of(10, DType::f64));
  const auto [mean, variance] = moments(values(rows(0, samples, DType::f64)), 6);
  BOOST_TEST(test::within(values_of(norm).at("running_mean"), mean, 1e-14));
  BOOST_TEST(test::within(values_of(norm).at("running_variance"), variance, 1e-14));
}

// Every layer sees the final statistics of those below: what reaches the second one, computed in inference,
// has its statistics as moments.
BOOST_AUTO_TEST_CASE(of_deeper_layers_they_are_the_moments_of_what_reaches_them_in_inference) {
  Trained trained{DType::f64};
  population_statistics(trained.model, batches_of(10, DType::f64));
  const auto all = rows(0, samples, DType::f64);
  Tape tape{Mode::inference};
  const Var src = tape.input(all.type());
  trained.model(src);
  std::vector<Var> reaching;
  for (const auto& node : tape.program().nodes)
    if (node.op->name() == "batch_norm") reaching.push_back(tape.var(node.inputs[0]));
  Plan plan{tape, reaching};
  plan.bind(src, all);
  plan.run();
  BOOST_REQUIRE(reaching.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto layer = "bn" + std::to_string(i + 1);
    const auto found = values_of(trained.model);
    const auto& mean = found.at(layer + ".running_mean");
    const auto [expected_mean, expected_variance] = moments(values(plan.output(i)), mean.size());
    BOOST_TEST(test::within(mean, expected_mean, 1e-13));
    BOOST_TEST(test::within(found.at(layer + ".running_variance"), expected_variance, 1e-13));
  }
}

// Over samples and pixels, whichever way the plan lays the channels out in memory.
BOOST_AUTO_TEST_CASE(of_images_they_are_the_moments_of_each_channel_over_samples_and_pixels) {
  Sequential model{Conv2d{2, 8, 3}, BatchNorm{8}, relu, Conv2d{8, 3, 2}, BatchNorm{3}};
  initialize(model, Rng{1}, DType::f32);
  const Tensor all = random_tensor({12, 2, 6, 5}, 3, 2.0, 0.5);
  std::vector<Tensor> batches;
  for (const std::size_t begin : {0U, 5U, 10U}) {
    const std::int64_t count = begin < 10 ? 5 : 2;
    const auto part = all.data<float>().subspan(begin * 60, static_cast<std::size_t>(count) * 60);
    batches.push_back(Tensor::of<float>({count, 2, 6, 5}, std::span<const float>{part}));
  }
  population_statistics(model, batches);

  Tape tape{Mode::inference};
  const Var src = tape.input(all.type());
  model(src);
  std::vector<Var> reaching;
  for (const auto& node : tape.program().nodes) {
    if (node.op->name() != "batch_norm") continue;
    const Var channels_last = transpose(tape.var(node.inputs[0]), {0, 2, 3, 1});
    reaching.push_back(reshape(channels_last, {-1, channels_last.shape()[3]}));
  }
  Plan plan{tape, reaching};
  plan.bind(src, all);
  plan.run();
  const auto found = values_of(model);
  BOOST_REQUIRE(reaching.size() == 2);
  for (const std::size_t i : {0U, 1U}) {
    const std::string layer = i == 0 ? "1" : "4";
    const auto& mean = found.at(layer + ".running_mean");
    const auto [expected_mean, expected_variance] = moments(values(plan.output(i)), mean.size());
    const double bound = 10 * test::summation_error(32);
    BOOST_TEST(test::within(mean, expected_mean, bound));
    BOOST_TEST(test::within(found.at(layer + ".running_variance"), expected_variance, bound));
  }
}

// In f32 what differs is how the products before a layer are rounded, which depends on the batch's size.
BOOST_AUTO_TEST_CASE(one_batch_holding_the_whole_set_gives_the_same_numbers) {
  for (const auto dtype : {DType::f64, DType::f32}) {
    Trained whole{dtype};
    population_statistics(whole.model, batches_of(samples, dtype));
    for (const std::int64_t size : {1, 2, 10, 100}) {
      Trained parts{dtype};
      population_statistics(parts.model, batches_of(size, dtype));
      const double bound = dtype == DType::f64 ? 1e-12 : 100 * test::summation_error(16);
      for (const auto& [path, value] : values_of(whole.model))
        BOOST_TEST(test::within(values_of(parts.model).at(path), value, bound),
                   path << ", batches of " << size);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_batch_without_rows_adds_nothing) {
  Trained whole{DType::f64};
  population_statistics(whole.model, batches_of(10, DType::f64));
  Trained parts{DType::f64};
  auto batches = batches_of(10, DType::f64);
  batches.insert(batches.begin(), rows(0, 0, DType::f64));
  batches.push_back(rows(0, 0, DType::f64));
  population_statistics(parts.model, batches);
  BOOST_TEST((values_of(parts.model) == values_of(whole.model)));
}

BOOST_AUTO_TEST_CASE(weights_gamma_beta_and_counts_stay_as_they_are) {
  Trained trained{DType::f32};
  const auto before = values_of(trained.model);
  population_statistics(trained.model, batches_of(10, DType::f32));
  for (const auto& [path, value] : values_of(trained.model))
    BOOST_TEST((value == before.at(path)) == (path.find("running") == std::string::npos), path);
}

BOOST_AUTO_TEST_CASE(a_large_mean_does_not_spoil_the_variance) {
  BatchNorm norm{1};
  initialize(norm, Rng{1}, DType::f64);
  std::vector<Tensor> batches;
  for (int i = 0; i < 100; ++i) batches.push_back(Tensor::of<double>({2, 1}, {1e8 - 1, 1e8 + 1}));
  population_statistics(norm, batches);
  BOOST_TEST(values_of(norm).at("running_mean")[0] == 1e8);
  BOOST_TEST(std::abs(values_of(norm).at("running_variance")[0] - 200.0 / 199.0) < 1e-12);
}

BOOST_AUTO_TEST_CASE(batches_may_come_from_a_callable) {
  Trained from_range{DType::f64};
  Trained from_callable{DType::f64};
  population_statistics(from_range.model, batches_of(10, DType::f64));
  int passes = 0;
  population_statistics(from_callable.model, [&](const auto& consume) {
    ++passes;
    for (const auto& batch : batches_of(10, DType::f64)) consume(batch);
  });
  BOOST_TEST((values_of(from_range.model) == values_of(from_callable.model)));
  BOOST_TEST(passes == 3);
}

BOOST_AUTO_TEST_CASE(frozen_statistics_stay) {
  BatchNorm alone{6};
  initialize(alone, Rng{1}, DType::f64);
  freeze_statistics(alone);
  population_statistics(alone, batches_of(10, DType::f64));
  BOOST_TEST(values_of(alone).at("running_mean") == std::vector<double>(6, 0.0),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_variance_beyond_f32_is_told_from_an_input_that_is_not_finite) {
  BatchNorm alone{1};
  initialize(alone, Rng{1});
  const std::vector batches{Tensor::of<float>({4, 1}, {1e20F, 2e20F, 3e20F, 4e20F})};
  BOOST_TEST(test::throws_with<NonFiniteError>([&] { population_statistics(alone, batches); },
                                               {"its input is finite", "3.4e+38 at the most"}));
}

BOOST_AUTO_TEST_CASE(whatever_is_thrown_the_statistics_are_as_before) {
  Trained trained{DType::f32};
  const auto before = values_of(trained.model);
  auto spoilt = batches_of(10, DType::f32);
  spoilt[3].data<float>()[7] = std::numeric_limits<float>::quiet_NaN();
  BOOST_TEST(test::throws_with<NonFiniteError>(
      [&] { population_statistics(trained.model, spoilt); },
      {"population_statistics_test.cpp:", "not finite", "left as they were"}));
  BOOST_TEST((values_of(trained.model) == before));
  // In the third pass, when two layers are done.
  int passes = 0;
  BOOST_CHECK_THROW(population_statistics(trained.model,
                                          [&](const auto& consume) {
                                            if (++passes == 3) throw Error{"the disk is gone"};
                                            for (const auto& batch : batches_of(10, DType::f32))
                                              consume(batch);
                                          }),
                    Error);
  BOOST_TEST((values_of(trained.model) == before));
}

BOOST_AUTO_TEST_CASE(sets_that_give_no_statistics_are_refused_in_words) {
  Trained trained{DType::f32};
  const auto refused = [&](const auto& batches, std::initializer_list<std::string_view> parts) {
    return test::throws_with<Error>([&] { population_statistics(trained.model, batches); }, parts);
  };
  BOOST_TEST(refused(std::vector<Tensor>{}, {"no batches"}));
  BOOST_TEST(refused(std::vector{rows(0, 0, DType::f32)}, {"no batches"}));
  BOOST_TEST(refused(std::vector{rows(0, 1, DType::f32)},
                     {"1 value per feature", "population_statistics_test.cpp:"}));
  BOOST_TEST(refused(std::vector{random_tensor({4, 5}, 1)}, {"src has 5 features"}));
  int left = 2;
  BOOST_TEST(refused(
      [&](const auto& consume) {
        for (; left > 0; --left) consume(rows(0, 10, DType::f32));
      },
      {"0 samples now and had 20 before"}));
}

BOOST_AUTO_TEST_CASE(a_layer_that_is_applied_twice_is_refused_in_words) {
  Repeated model;
  initialize(model, Rng{1});
  BOOST_TEST(test::throws_with<Error>(
      [&] { population_statistics(model, batches_of(10, DType::f32)); },
      {"is applied again at population_statistics_test.cpp:", "a layer of its own"}));
}

BOOST_AUTO_TEST_CASE(a_model_without_batch_norm_stays_as_it_is) {
  Mlp model{{.inputs = 6, .hidden = {8}, .classes = 3}};
  initialize(model, Rng{1});
  const auto before = values_of(model);
  population_statistics(model, batches_of(10, DType::f32));
  BOOST_TEST((values_of(model) == before));
}

BOOST_AUTO_TEST_SUITE_END()
