#include "keel/tools/training/ghost_batch_norm.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>

#include "../../support/random_tensor.hpp"
#include "keel/models/compiled_function.hpp"
#include "keel/models/freeze.hpp"
#include "keel/models/gradcheck_model.hpp"
#include "keel/models/initialize.hpp"
#include "keel/ops/mse.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

constexpr std::size_t features = 3;

std::vector<double> values(const Tensor& tensor) {
  return {tensor.data<float>().begin(), tensor.data<float>().end()};
}

struct Layer {
  explicit Layer(std::int64_t size, BatchNormOptions options = {}) : norm{features, size, options} {
    initialize(norm, Rng{1});
    for (const auto& [path, parameter] : parameters(norm)) state[path] = parameter->value().data<float>();
    for (std::size_t c = 0; c < features; ++c) {
      state.at("gamma")[c] = 1.0F + 0.5F * static_cast<float>(c);
      state.at("beta")[c] = 0.25F * static_cast<float>(c);
    }
  }
  std::vector<double> run(const Tensor& src, Mode mode = Mode::training) {
    CompiledFunction function{mode, [&](Tape&, std::span<const Var> v) { return std::vector{norm(v[0])}; }};
    return values(function(std::array{src}).output(0));
  }

  GhostBatchNorm norm;
  std::map<std::string, std::span<float>> state;
};

// By hand: rows that are normalized together, and what the running averages should become with momentum 0.1.
struct ByHand {
  ByHand(const Tensor& tensor, const std::vector<std::size_t>& groups)
      : src(values(tensor)), dst(src.size()), mean(features), variance(features) {
    double rows = 0.0;
    double freedom = 0.0;
    std::size_t begin = 0;
    for (const auto length : groups) {
      for (std::size_t c = 0; c < features; ++c) {
        double sum = 0.0;
        double squares = 0.0;
        for (std::size_t i = begin; i < begin + length; ++i) sum += src[i * features + c];
        const double middle = sum / static_cast<double>(length);
        for (std::size_t i = begin; i < begin + length; ++i)
          squares += std::pow(src[i * features + c] - middle, 2);
        const double deviation = std::sqrt(squares / static_cast<double>(length) + 1e-5);
        for (std::size_t i = begin; i < begin + length; ++i)
          dst[i * features + c] =
              (1.0 + 0.5 * static_cast<double>(c)) * (src[i * features + c] - middle) / deviation +
              0.25 * static_cast<double>(c);
        mean[c] += sum;
        variance[c] += squares;
      }
      rows += static_cast<double>(length);
      freedom += static_cast<double>(length - 1);
      begin += length;
    }
    for (std::size_t c = 0; c < features; ++c) {
      mean[c] = 0.1 * mean[c] / rows;
      variance[c] = 0.9 + 0.1 * variance[c] / freedom;
    }
  }
  std::vector<double> src, dst, mean, variance;
};

BOOST_AUTO_TEST_SUITE(ghost_batch_norm)

BOOST_AUTO_TEST_CASE(each_group_of_rows_is_normalized_by_its_own_statistics) {
  struct Case {
    std::int64_t rows, size;
    std::vector<std::size_t> groups;
  };
  for (const auto& [rows, size, groups] : {Case{12, 4, {4, 4, 4}},
                                           {12, 2, {2, 2, 2, 2, 2, 2}},
                                           {11, 4, {4, 4, 3}},
                                           {13, 4, {4, 4, 5}},
                                           {5, 4, {5}},
                                           {3, 4, {3}},
                                           {4, 4, {4}},
                                           {12, 256, {12}},
                                           {6, 4, {4, 2}}}) {
    Layer layer{size};
    const auto src = random_tensor({rows, static_cast<std::int64_t>(features)}, 3, 2.0, 1.0);
    const ByHand expected{src, groups};
    const auto dst = layer.run(src);
    for (std::size_t i = 0; i < dst.size(); ++i)
      BOOST_TEST(std::abs(dst[i] - expected.dst[i]) < 1e-4, rows << " in " << size << " at " << i);
    for (std::size_t c = 0; c < features; ++c) {
      BOOST_TEST(layer.state.at("running_mean")[c] == expected.mean[c], boost::test_tools::tolerance(1e-4));
      BOOST_TEST(layer.state.at("running_variance")[c] == expected.variance[c],
                 boost::test_tools::tolerance(1e-4));
    }
    BOOST_TEST(layer.state.at("updates")[0] == 1.0F);
  }
}

BOOST_AUTO_TEST_CASE(in_inference_and_frozen_it_is_batch_norm_with_the_running_averages) {
  Layer layer{4};
  const auto src = random_tensor({12, static_cast<std::int64_t>(features)}, 3, 2.0, 1.0);
  layer.run(src);
  const auto x = values(src);
  const std::vector<float> mean{layer.state.at("running_mean").begin(), layer.state.at("running_mean").end()};
  const auto check = [&](const std::vector<double>& dst) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto c = i % features;
      const double expected = (1.0 + 0.5 * static_cast<double>(c)) * (x[i] - mean[c]) /
                                  std::sqrt(layer.state.at("running_variance")[c] + 1e-5) +
                              0.25 * static_cast<double>(c);
      BOOST_TEST(std::abs(dst[i] - expected) < 1e-5);
    }
    BOOST_TEST(layer.state.at("updates")[0] == 1.0F);
  };
  check(layer.run(src, Mode::inference));
  freeze_statistics(layer.norm);
  check(layer.run(src));
}

BOOST_AUTO_TEST_CASE(a_group_of_the_whole_batch_is_batch_norm) {
  Layer ghost{16};
  BatchNorm batch_norm{features};
  initialize(batch_norm, Rng{1});
  for (const auto& [path, parameter] : parameters(batch_norm))
    if (path == "gamma" || path == "beta")
      std::ranges::copy(ghost.state.at(path), parameter->value().data<float>().begin());
  const auto src = random_tensor({16, static_cast<std::int64_t>(features)}, 3);
  CompiledFunction function{Mode::training,
                            [&](Tape&, std::span<const Var> v) { return std::vector{batch_norm(v[0])}; }};
  const auto expected = values(function(std::array{src}).output(0));
  const auto dst = ghost.run(src);
  for (std::size_t i = 0; i < dst.size(); ++i) BOOST_TEST(std::abs(dst[i] - expected[i]) < 1e-5);
  for (const auto& [path, parameter] : parameters(batch_norm))
    for (std::size_t c = 0; c < ghost.state.at(path).size(); ++c)
      BOOST_TEST(std::abs(parameter->value().data<float>()[c] - ghost.state.at(path)[c]) < 1e-6, path);
}

BOOST_AUTO_TEST_CASE(its_gradients_are_those_of_differences) {
  for (const std::int64_t size : {2, 4}) {
    Layer layer{size};
    const auto report = gradcheck(layer.norm, mse, random_tensor({9, static_cast<std::int64_t>(features)}, 3),
                                  random_tensor({9, static_cast<std::int64_t>(features)}, 4));
    BOOST_TEST(report.ok, report.text);
  }
}

BOOST_AUTO_TEST_CASE(what_has_no_variance_is_refused) {
  BOOST_CHECK_THROW((GhostBatchNorm{3, 1}), Error);
  Layer layer{4};
  BOOST_CHECK_THROW(layer.run(random_tensor({1, 3}, 3)), ShapeError);
  BOOST_CHECK_THROW(layer.run(random_tensor({8, 4}, 3)), ShapeError);
  BOOST_TEST(layer.state.at("updates")[0] == 0.0F);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
