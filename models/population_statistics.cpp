#include "keel/models/population_statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "keel/graph/plan.hpp"
#include "keel/graph/tape.hpp"
#include "keel/models/compiled_function.hpp"
#include "keel/models/statistics_guard.hpp"
#include "keel/ops/batch_norm_op.hpp"
#include "keel/ops/rank_sums.hpp"
#include "keel/ops/running_statistics.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// Mean and sum of squared deviations of each feature of arrays (N, C, ...), as they come.
class FeatureStatistics {
 public:
  void add(const Tensor& batch) {
    if (batch.dtype() == DType::f64)
      add(std::span<const double>{batch.data<double>()}, batch.shape());
    else
      add(std::span<const float>{batch.data<float>()}, batch.shape());
  }

  /// Those of all ranks' values together.
  void combine(const Communicator& ranks) {
    if (ranks.size() == 1) return;
    auto sums = mean_;
    for (auto& sum : sums) sum *= count_;
    const double total = over_ranks(ranks, count_, sums);
    for (std::size_t c = 0; c < sums.size(); ++c) {
      const double mean = sums[c] / total;
      squares_[c] += (mean_[c] - mean) * (mean_[c] - mean) * count_;
      mean_[c] = mean;
    }
    over_ranks(ranks, 0.0, squares_);
    count_ = total;
  }

  [[nodiscard]] double count() const { return count_; }  // of values a feature
  [[nodiscard]] double mean(std::size_t feature) const { return mean_[feature]; }
  [[nodiscard]] double unbiased_variance(std::size_t feature) const {
    return squares_[feature] / (count_ - 1.0);
  }

 private:
  // Two passes over the batch, so that a large mean cancels nothing; then Chan, Golub and LeVeque's formula.
  template <class T>
  void add(std::span<const T> values, const Shape& shape) {
    const auto features = static_cast<std::size_t>(shape[1]);
    mean_.resize(features);
    squares_.resize(features);
    if (values.empty()) return;
    const auto pixels = static_cast<std::size_t>(shape.elements() / (shape[0] * shape[1]));
    const auto per_feature = shape.elements() / shape[1];
    const auto count = static_cast<double>(per_feature);
    const auto for_each = [&](auto&& use) {
      for (std::size_t i = 0; i < values.size(); ++i)
        use(i / pixels % features, static_cast<double>(values[i]));
    };
    std::vector<double> mean(features);
    std::vector<double> squares(features);
    for_each([&](std::size_t c, double value) { mean[c] += value; });
    for (auto& sum : mean) sum /= count;
    for_each([&](std::size_t c, double value) { squares[c] += (value - mean[c]) * (value - mean[c]); });

    const double total = count_ + count;
    for (std::size_t c = 0; c < features; ++c) {
      const double difference = mean[c] - mean_[c];
      mean_[c] += difference * count / total;
      squares_[c] += squares[c] + difference * difference * count_ * count / total;
    }
    count_ = total;
  }

  double count_ = 0.0;
  std::vector<double> mean_;
  std::vector<double> squares_;
};

// One application of a batch norm layer on a tape.
struct NormUse {
  std::size_t src;
  Tensor running_mean;
  Tensor running_variance;
  SourceLocation where;
};

bool is_to_be_set(std::span<const NamedParameter> parameters, const Tensor& running_mean) {
  return std::ranges::any_of(parameters, [&](const auto& named) {
    const auto& parameter = *named.parameter;
    return parameter.kind() == Parameter::Kind::statistic && !parameter.frozen() &&
           parameter.value().bytes() == running_mean.bytes();
  });
}

// The batch norms of `parameters`, in the order of the forward pass.
std::vector<NormUse> norms_of(const Program& program, std::span<const NamedParameter> parameters) {
  std::vector<NormUse> uses;
  for (const auto& node : program.nodes) {
    const auto* norm = dynamic_cast<const BatchNormOp*>(node.op.get());
    if (norm == nullptr || !norm->settings().given_statistics) continue;
    const auto& running_mean = program.values[node.inputs[3]].storage;
    if (!running_mean.defined() || !is_to_be_set(parameters, running_mean)) continue;
    for (const auto& use : uses) {
      if (use.running_mean.bytes() != running_mean.bytes()) continue;
      throw Error{fmt::format(
          "the batch norm at {} is applied again at {}: "
          "the statistics of the second use depend on themselves, so there are none of a population; "
          "give each place a layer of its own",
          describe(use.where), describe(node.where))};
    }
    uses.push_back({node.inputs[0], running_mean, program.values[node.inputs[4]].storage, node.where});
  }
  return uses;
}

// One pass over the training set: the moments of what reaches one of the layers.
class Pass {
 public:
  Pass(const std::function<Var(const Var&)>& model, std::span<const NamedParameter> parameters,
       std::size_t layer)
      : model_(model), parameters_(parameters), layer_(layer) {}

  void add(const Tensor& batch) {
    samples_ += batch.shape()[0];
    Plan& plan = what_reaches_.plan(std::span{&batch, 1});
    if (layer_ >= layers()) return;
    if (plan.output_values().empty()) return moments_.add(batch);
    plan.run();
    moments_.add(plan.output(0));
  }

  [[nodiscard]] std::size_t layers() const { return layers_.value_or(0); }
  [[nodiscard]] std::int64_t samples() const { return samples_; }

  void write(const Communicator& ranks) {
    if (!norm_) return;
    moments_.combine(ranks);
    if (moments_.count() < 2) {
      throw Error{fmt::format("a population of {} per feature has no variance for the batch norm at {}",
                              counted(static_cast<std::int64_t>(moments_.count()), "value"),
                              describe(norm_->where))};
    }
    if (norm_->running_mean.dtype() == DType::f64)
      write(norm_->running_mean.data<double>(), norm_->running_variance.data<double>());
    else
      write(norm_->running_mean.data<float>(), norm_->running_variance.data<float>());
  }

 private:
  // Without outputs where the layer stands first: the batch is what reaches it.
  std::vector<Var> record(Tape& tape, const Var& batch) {
    model_(batch);
    const auto norms = norms_of(tape.program(), parameters_);
    if (layers_ && norms.size() != *layers_) {
      throw Error{fmt::format("the model has {} for one shape of batch and {} for another",
                              counted(*layers_, "batch norm"), norms.size())};
    }
    layers_ = norms.size();
    if (layer_ >= *layers_) return {};
    norm_ = norms[layer_];
    if (norm_->src == batch.id()) return {};
    return {tape.var(norm_->src)};
  }

  template <class T>
  void write(std::span<T> mean, std::span<T> variance) const {
    for (std::size_t c = 0; c < mean.size(); ++c) {
      mean[c] = static_cast<T>(moments_.mean(c));
      variance[c] = static_cast<T>(moments_.unbiased_variance(c));
      if (std::isfinite(mean[c]) && std::isfinite(variance[c])) continue;
      throw NonFiniteError{
          fmt::format("feature {} of what reaches the batch norm at {} has mean {} and variance {} over the "
                      "set: {}; all statistics were left as they were",
                      c, describe(norm_->where), mean[c], variance[c],
                      refusal_of_statistics(moments_.mean(c), moments_.unbiased_variance(c), dtype_of<T>()))};
    }
  }

  const std::function<Var(const Var&)>& model_;
  std::span<const NamedParameter> parameters_;
  std::size_t layer_;
  std::optional<std::size_t> layers_;  // of the model, once it was recorded
  std::int64_t samples_ = 0;
  std::optional<NormUse> norm_;
  CompiledFunction what_reaches_{
      Mode::inference, [this](Tape& tape, std::span<const Var> inputs) { return record(tape, inputs[0]); }};
  FeatureStatistics moments_;
};

}  // namespace

void population_statistics(const std::function<Var(const Var&)>& model,
                           std::span<const NamedParameter> parameters, const BatchSource& batches,
                           const Communicator& ranks) {
  StatisticsGuard before{parameters};
  std::size_t layers = 1;
  std::int64_t samples = 0;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    Pass pass{model, parameters, layer};
    batches([&](const Tensor& batch) { pass.add(batch); });
    if (pass.samples() == 0 && layer == 0) {
      constexpr auto none = "population_statistics was given no batches";
      ranks.fail(none);
      throw Error{none};
    }
    if (layer > 0 && pass.samples() != samples) {
      throw Error{fmt::format("the batches have {} now and had {} before: they must be the same in each pass",
                              counted(pass.samples(), "sample"), samples)};
    }
    samples = pass.samples();
    layers = pass.layers();
    pass.write(ranks);
  }
  before.keep();
}

}  // namespace keel
