#include "keel/ops/running_statistics.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>

#include "keel/graph/tape.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

// A mean is no larger than the values; only their sum may be, in f64.
std::string refusal_of_statistics(double mean, double variance, DType dtype) {
  if (std::isnan(mean) || std::isnan(variance) || (std::isinf(mean) && dtype != DType::f64))
    return "its input is not finite";
  if (std::isinf(mean)) return "its input is not finite, or too large to be added up";
  const double most = dtype == DType::f64 ? std::numeric_limits<double>::max()
                                          : static_cast<double>(std::numeric_limits<float>::max());
  return fmt::format(
      "its input is finite, but spread so wide that {} does not hold the variance, of {:.2g} at the most; "
      "scale the input down, or bound what it comes from",
      name_of(dtype), most);
}

namespace {

template <class T>
bool is_held(double variance) {
  return variance <= static_cast<double>(std::numeric_limits<T>::max());  // false for NaN
}

template <class T>
std::string refusal_of_running_variance(double running) {
  return fmt::format(
      "its input is finite, but the running variance would become {:.3g}, and {} holds {:.2g} at the most",
      running, name_of(dtype_of<T>()), static_cast<double>(std::numeric_limits<T>::max()));
}

// What a batch is not to be blamed for.
template <class T>
void require_finite_before(std::int64_t feature, T mean, T variance) {
  if (std::isfinite(mean) && std::isfinite(variance)) return;
  throw NonFiniteError{fmt::format(
      "feature {} has a running mean of {} and a running variance of {}, from before this batch: initialize the "
      "model again, or load statistics that are finite",
      feature, mean, variance)};
}

// The operator behind `update_running_statistics`. Inputs: running mean, running variance, updates, mean,
// variance and, unless that is known beforehand, the count.
class RunningStatisticsOp final : public Operator {
 public:
  RunningStatisticsOp(std::optional<double> momentum, std::optional<std::int64_t> count)
      : momentum_(momentum), count_(count) {}
  [[nodiscard]] std::string_view name() const override { return "running_statistics"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    require_rank(inputs[0], 1, "running_mean");
    for (const std::size_t i : {1U, 3U, 4U}) require_shape(inputs[i], inputs[0].shape, "each statistic");
    require_shape(inputs[2], Shape{}, "updates");
    if (momentum_ && !(*momentum_ >= 0.0 && *momentum_ <= 1.0)) {
      throw ShapeError{fmt::format("momentum must be in [0, 1], not {}", *momentum_)};
    }
    if (!count_) require_shape(inputs[5], Shape{}, "the count");
    if (count_ && *count_ < 2)
      throw ShapeError{fmt::format("an unbiased variance needs two values or more, not {}", *count_)};
    return {};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return binding.input_type(0).dtype == DType::f64 ? loop<double>(binding) : loop<float>(binding);
  }

  [[nodiscard]] std::vector<std::size_t> mutates(std::span<const ValueType>) const override {
    return {0, 1, 2};
  }

 private:
  template <class T>
  [[nodiscard]] Kernel loop(const Binding& binding) const {
    const auto count_slot = count_ ? std::nullopt : std::optional{binding.input<const T>(5)};
    return {[features = binding.input_type(0).shape[0], momentum = momentum_, count_slot,
             known_count = static_cast<double>(count_.value_or(0)), running_mean = binding.input<T>(0),
             running_variance = binding.input<T>(1), updates = binding.input<T>(2),
             mean = binding.input<const T>(3), variance = binding.input<const T>(4)] {
              const double count = count_slot ? static_cast<double>(*count_slot->get()) : known_count;
              const double correction = std::isinf(count) ? 1.0 : count / (count - 1.0);
              const double exact = momentum.value_or(1.0 / (static_cast<double>(*updates.get()) + 1.0));
              for (std::int64_t c = 0; c < features; ++c) {
                const double average = mean.get()[c];
                const double spread = variance.get()[c];
                const double running = (1.0 - exact) * static_cast<double>(running_variance.get()[c]) +
                                       exact * correction * spread;
                require_finite_before<T>(c, running_mean.get()[c], running_variance.get()[c]);
                const bool batch_is_held = std::isfinite(average) && is_held<T>(spread);
                if (batch_is_held && is_held<T>(running)) continue;
                throw NonFiniteError{fmt::format(
                    "feature {} of the batch has mean {} and variance {}: {}; the running statistics "
                    "of this layer were left as they were",
                    c, mean.get()[c], variance.get()[c],
                    batch_is_held ? refusal_of_running_variance<T>(running)
                                  : refusal_of_statistics(average, spread, dtype_of<T>()))};
              }
              *updates.get() += 1;
              const auto kept = static_cast<T>(1.0 - exact);
              const auto weight = static_cast<T>(exact);
              const auto unbiased = static_cast<T>(exact * correction);
              for (std::int64_t c = 0; c < features; ++c) {
                T& average = running_mean.get()[c];
                T& spread = running_variance.get()[c];
                average = kept * average + weight * mean.get()[c];
                spread = kept * spread + unbiased * variance.get()[c];
              }
            },
            "loop"};
  }

  std::optional<double> momentum_;     // none: cumulative
  std::optional<std::int64_t> count_;  // none: an input
};

}  // namespace

void update_running_statistics(const Var& running_mean, const Var& running_variance, const Var& updates,
                               const Var& mean, const Var& variance, std::optional<double> momentum,
                               std::int64_t count, const SourceLocation& where) {
  const std::array inputs{running_mean, running_variance, updates, mean, variance};
  mean.tape().record(std::make_shared<RunningStatisticsOp>(momentum, count), inputs, where);
}

void update_running_statistics(const Var& running_mean, const Var& running_variance, const Var& updates,
                               const Var& mean, const Var& variance, std::optional<double> momentum,
                               const Var& count, const SourceLocation& where) {
  const std::array inputs{running_mean, running_variance, updates, mean, variance, count};
  mean.tape().record(std::make_shared<RunningStatisticsOp>(momentum, std::nullopt), inputs, where);
}

}  // namespace keel
