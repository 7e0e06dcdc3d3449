#include "keel/ops/adam.hpp"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/ops/parameter_update.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/vector_loops.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// What is the same for every element in step `t`, but for the decay.
template <class T>
loops::AdamStep<T> step_of(const AdamSettings& settings, double learning_rate, double t) {
  const double mean_weights = 1.0 - std::pow(settings.beta1, t);  // of all gradients so far, summed
  const double variance_weights = 1.0 - std::pow(settings.beta2, t);
  return {.shrinkage = T{1},
          .rate = static_cast<T>(learning_rate / mean_weights),
          .beta1 = static_cast<T>(settings.beta1),
          .grad_weight = static_cast<T>(1.0 - settings.beta1),
          .beta2 = static_cast<T>(settings.beta2),
          .square_weight = static_cast<T>(1.0 - settings.beta2),
          .root_scale = static_cast<T>(1.0 / std::sqrt(variance_weights)),
          .epsilon = static_cast<T>(settings.epsilon)};
}

// The same of every step that a parameter is at: of one, as a rule, since all go on together.
template <class T>
class Steps {
 public:
  explicit Steps(std::size_t most) : known_(most) {}

  void start() { count_ = 0; }
  void add(const AdamSettings& settings, double learning_rate, double t) {
    if (find(t) == nullptr) known_[count_++] = {t, step_of<T>(settings, learning_rate, t)};
  }
  // Null for a step that was not added. Compares bits, so that a count that is not a number is found too.
  [[nodiscard]] const loops::AdamStep<T>* find(double t) const {
    for (std::size_t i = 0; i < count_; ++i)
      if (std::bit_cast<std::uint64_t>(known_[i].t) == std::bit_cast<std::uint64_t>(t))
        return &known_[i].step;
    return nullptr;
  }

 private:
  struct Known {
    double t;
    loops::AdamStep<T> step;
  };
  std::vector<Known> known_;  // as many as there can be, so that a run allocates nothing
  std::size_t count_ = 0;
};

// The second moment is an average of squares, so that it is finite as long as they are. Where one is not, its
// parameter was left as it is.
template <class T>
[[noreturn]] void fail(const std::vector<StretchSlots<T, 4>>& parameters, double learning_rate) {
  constexpr auto most = static_cast<double>(std::numeric_limits<T>::max());
  const auto grads = magnitudes_of(parameters, 3);
  require_finite_inputs(grads, learning_rate, most);
  if (grads.largest > std::sqrt(most)) {
    throw NonFiniteError{fmt::format(
        "a gradient of {:.3g} has a square beyond {:.3g}, the largest number of its element type, "
        "which Adam's second moment would have to hold: bound the gradients by clip_norm, or scale "
        "the loss down; that moment is lost, so reset the optimizer before the next step",
        grads.largest, most)};
  }
  for (const auto& [moment, name] : {std::pair{1U, "first"}, std::pair{2U, "second"}}) {
    if (magnitudes_of(parameters, moment).all_finite) continue;
    throw NonFiniteError{
        fmt::format("a {} moment is not finite though all gradients are, of which the largest is {:.3g}: an "
                    "earlier step left it so; reset the optimizer",
                    name, grads.largest)};
  }
  throw NonFiniteError{fmt::format(
      "a parameter is not finite though all gradients are, of which the largest is {:.3g}: it was not "
      "before, or the training diverged at a learning rate of {:.3g}; the parameters are lost",
      grads.largest, learning_rate)};
}

// The operator behind `adam_update`. Inputs: the learning rate, the counts of steps, then all parameters, all
// means, all variances and all gradients.
class AdamUpdateOp final : public Operator {
 public:
  // `counts` of steps: as many as there are parameters, or 1.
  AdamUpdateOp(const AdamSettings& settings, std::size_t parameters, std::size_t counts)
      : settings_(settings), parameters_(parameters), counts_(counts) {}
  [[nodiscard]] std::string_view name() const override { return "adam_update"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    for (std::size_t i = 0; i <= counts_; ++i) {
      const auto* name = i == 0 ? "learning_rate" : "step";
      require_shape(inputs[i], Shape{}, name);
      require_dtype(inputs[i], DType::f64, name);
    }
    if (parameters_ == 0) throw ShapeError{"there are no parameters to update"};
    require_same_float(inputs.subspan(1 + counts_));
    for (std::size_t i = 0; i < parameters_; ++i) {
      const auto& shape = inputs[input(0, i)].shape;
      require_shape(inputs[input(1, i)], shape, "a mean");
      require_shape(inputs[input(2, i)], shape, "a variance");
      require_shape(inputs[input(3, i)], shape, "a gradient");
    }
    return {};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return binding.input_type(input(0, 0)).dtype == DType::f64 ? sweep<double>(binding)
                                                               : sweep<float>(binding);
  }

  [[nodiscard]] std::vector<std::size_t> mutates(std::span<const ValueType>) const override {
    return input_range(1, input(3, 0));
  }

  [[nodiscard]] std::vector<std::size_t> adjacent(std::span<const ValueType> inputs) const override {
    return input_range(input(3, 0), inputs.size());
  }

 private:
  // The input that is array `k` of parameter `i`: itself, its mean, its variance, its gradient.
  [[nodiscard]] std::size_t input(std::size_t k, std::size_t i) const {
    return 1 + counts_ + k * parameters_ + i;
  }

  template <class T>
  [[nodiscard]] Kernel sweep(const Binding& binding) const {
    std::vector<SlotView<double>> counts;
    for (std::size_t i = 0; i < counts_; ++i) counts.push_back(binding.input<double>(1 + i));
    std::vector<StretchSlots<T, 4>> parameters;
    for (std::size_t i = 0; i < parameters_; ++i) {
      const auto& shape = binding.input_type(input(0, i)).shape;
      auto& slots = parameters.emplace_back();
      for (std::size_t k = 0; k < 4; ++k) slots.slots[k] = binding.input<T>(input(k, i));
      slots.count = shape.elements();
      slots.weight_decay = weight_decay_of(shape, settings_.weight_decay, settings_.decay);
      slots.step = counts[counts.size() == 1 ? 0 : i];
    }
    return {[parameters, settings = settings_, counts, steps = Steps<T>{counts.size()},
             rate = binding.input<const double>(0)]() mutable {
              const double learning_rate = *rate.get();
              steps.start();
              for (const auto& count : counts) steps.add(settings, learning_rate, *count.get() += 1.0);
              update_stretches(
                  parameters,
                  [&](const Stretch<T, 4>& stretch) {
                    auto own = *steps.find(stretch.step);
                    own.shrinkage = static_cast<T>(1.0 - learning_rate * stretch.weight_decay);
                    const auto& [parameter, mean, variance, grad] = stretch.data;
                    return loops::adam_sweep(parameter, mean, variance, grad, stretch.count, own);
                  },
                  [&] { fail(parameters, learning_rate); });
            },
            "loop"};
  }

  AdamSettings settings_;
  std::size_t parameters_;
  std::size_t counts_;
};

}  // namespace

void adam_update(const AdamArrays& arrays, const Var& learning_rate, std::span<const Var> steps,
                 const AdamSettings& settings, const SourceLocation& where) {
  const auto& [parameters, means, variances, grads] = arrays;
  const auto count = parameters.size();
  if (means.size() != count || variances.size() != count || grads.size() != count) {
    throw Error{fmt::format("adam_update at {}: {}, {}, {} and {} must correspond", describe(where),
                            counted(count, "parameter"), counted(means.size(), "mean"),
                            counted(variances.size(), "variance"), counted(grads.size(), "gradient"))};
  }
  if (steps.size() != count && steps.size() != 1) {
    throw Error{fmt::format("adam_update at {}: {} can't have {}: give one each, or one for all",
                            describe(where), counted(count, "parameter"), counted(steps.size(), "step"))};
  }
  std::vector<Var> inputs{learning_rate};
  for (const auto& group : {steps, parameters, means, variances, grads})
    inputs.insert(inputs.end(), group.begin(), group.end());
  const auto op = std::make_shared<AdamUpdateOp>(settings, count, steps.size());
  learning_rate.tape().record(op, inputs, where);
}

void adam_update(const AdamArrays& arrays, const Var& learning_rate, const Var& step,
                 const AdamSettings& settings, const SourceLocation& where) {
  adam_update(arrays, learning_rate, std::span{&step, 1}, settings, where);
}

}  // namespace keel
