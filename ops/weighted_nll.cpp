#include "keel/ops/weighted_nll.hpp"

#include <array>
#include <memory>

#include "keel/graph/tape.hpp"
#include "keel/ops/cross_entropy_op.hpp"
#include "keel/ops/types.hpp"

namespace keel {
namespace {

// What the loops know of the targets; `weights` is null where all classes count the same.
template <class T>
struct Targets {
  TargetSettings settings;
  std::int64_t classes;
  const std::int32_t* labels;
  const T* weights;

  [[nodiscard]] bool ignores(std::int64_t row) const { return settings.ignore_index == labels[row]; }
  // Of a row that counts. Throws Error where there is no such class.
  [[nodiscard]] std::int64_t label(std::int64_t row) const {
    require_label(labels[row], row, classes);
    return labels[row];
  }
  [[nodiscard]] double weight(std::int64_t c) const {
    return weights == nullptr ? 1.0 : static_cast<double>(weights[c]);
  }

  // Calls `each` with every class that is part of the row's target, and its part.
  template <class Each>
  void for_each(std::int64_t row, const Each& each) const {
    const auto own = label(row);
    const double of_each = settings.smoothing / static_cast<double>(classes);
    if (settings.smoothing == 0.0) {
      if (weight(own) != 0.0) each(own, weight(own));
      return;
    }
    for (std::int64_t c = 0; c < classes; ++c) {
      const double part = weight(c) * (of_each + (c == own ? 1.0 - settings.smoothing : 0.0));
      if (part != 0.0) each(c, part);
    }
  }
};

// Where a kernel finds the targets: labels are input 1, weights 2.
template <class T>
struct TargetSlots {
  TargetSlots(const TargetSettings& of, const Shape& shape, const Binding& binding)
      : settings(of), classes(shape[1]), labels(binding.input<const std::int32_t>(1)) {
    if (binding.inputs() == 3) weights = binding.input<const T>(2);
  }
  [[nodiscard]] Targets<T> get() const {
    return {settings, classes, labels.get(), weights ? weights->get() : nullptr};
  }

  TargetSettings settings;
  std::int64_t classes;
  SlotView<const std::int32_t> labels;
  std::optional<SlotView<const T>> weights;
};

template <class T>
Kernel terms_loop(const TargetSettings& settings, const Binding& binding) {
  const auto& shape = binding.input_type(0).shape;
  return {[rows = shape[0], slots = TargetSlots<T>{settings, shape, binding},
           scores = binding.input<const T>(0), terms = binding.output<T>(0), shares = binding.output<T>(1)] {
            const auto targets = slots.get();
            for (std::int64_t i = 0; i < rows; ++i) {
              double sum = 0.0;
              double share = 0.0;
              if (!targets.ignores(i)) {
                targets.for_each(i, [&](std::int64_t c, double part) {
                  sum -= part * static_cast<double>(scores.get()[i * targets.classes + c]);
                });
                share = targets.weight(targets.label(i));
              }
              terms.get()[i] = static_cast<T>(sum);
              shares.get()[i] = static_cast<T>(share);
            }
          },
          "loop"};
}

template <class T>
Kernel backward_loop(const TargetSettings& settings, const Binding& binding) {
  const auto& shape = binding.output_type(0).shape;
  return {[elements = shape.elements(), rows = shape[0], slots = TargetSlots<T>{settings, shape, binding},
           grad = binding.input<const T>(0), dst = binding.output<T>(0)] {
            const auto targets = slots.get();
            std::fill_n(dst.get(), elements, T{0});
            for (std::int64_t i = 0; i < rows; ++i) {
              if (targets.ignores(i)) continue;
              targets.for_each(i, [&](std::int64_t c, double part) {
                dst.get()[i * targets.classes + c] =
                    static_cast<T>(-part * static_cast<double>(grad.get()[i]));
              });
            }
          },
          "loop"};
}

// `rest`: the inputs behind the scores.
void require_targets(const ValueType& scores, std::span<const ValueType> rest) {
  require_classification(scores, rest[0]);
  if (rest.size() < 2) return;
  require_dtype(rest[1], scores.dtype, "the class weights");
  require_shape(rest[1], Shape{scores.shape[1]}, "the class weights");
}

}  // namespace

std::vector<ValueType> WeightedNllOp::infer(std::span<const ValueType> inputs) const {
  require_targets(inputs[0], inputs.subspan(1));
  const ValueType row{Shape{inputs[0].shape[0]}, inputs[0].dtype};
  return {row, row};
}

Kernel WeightedNllOp::bind(const Binding& binding) const {
  return binding.input_type(0).dtype == DType::f64 ? terms_loop<double>(settings_, binding)
                                                   : terms_loop<float>(settings_, binding);
}

// The targets are constants, and so are the shares.
std::vector<Var> WeightedNllOp::vjp(const VjpContext& context) const {
  std::vector<Var> grads(context.inputs.size());
  if (!context.output_grads[0].defined()) return grads;
  std::vector<Var> inputs{context.inputs.begin(), context.inputs.end()};
  inputs[0] = context.output_grads[0];
  const auto op = std::make_shared<WeightedNllBackwardOp>(settings_, context.inputs[0].shape());
  grads[0] = inputs[0].tape().record_one(op, inputs, context.where);
  return grads;
}

std::vector<ValueType> WeightedNllBackwardOp::infer(std::span<const ValueType> inputs) const {
  require_shape(inputs[0], Shape{shape_[0]}, "grad");
  require_targets({shape_, inputs[0].dtype}, inputs.subspan(1));
  return {{shape_, inputs[0].dtype}};
}

Kernel WeightedNllBackwardOp::bind(const Binding& binding) const {
  return binding.output_type(0).dtype == DType::f64 ? backward_loop<double>(settings_, binding)
                                                    : backward_loop<float>(settings_, binding);
}

// Linear in grad.
std::vector<Var> WeightedNllBackwardOp::vjp(const VjpContext& context) const {
  std::vector<Var> inputs{context.inputs.begin(), context.inputs.end()};
  inputs[0] = context.output_grads[0];
  std::vector<Var> grads(inputs.size());
  grads[0] = inputs[0].tape().record(std::make_shared<WeightedNllOp>(settings_), inputs, context.where)[0];
  return grads;
}

}  // namespace keel
