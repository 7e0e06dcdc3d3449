#include "keel/ops/cross_entropy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "keel/graph/tape.hpp"
#include "keel/ops/cross_entropy_op.hpp"
#include "keel/ops/exponentials.hpp"
#include "keel/ops/softmax.hpp"
#include "keel/ops/softmax_rows.hpp"
#include "keel/ops/stored_values.hpp"
#include "keel/ops/term.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/weighted_nll.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// The mean over the batch of -log_probabilities[i, labels[i]].
template <class T>
T mean_loss(const T* log_probabilities, const std::int32_t* labels, std::int64_t count,
            std::int64_t classes) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < count; ++i) {
    require_label(labels[i], i, classes);
    sum -= log_probabilities[i * classes + labels[i]];
  }
  return static_cast<T>(sum / static_cast<double>(count));
}

template <class T>
Kernel nll_loop(const Binding& binding) {
  const auto& shape = binding.input_type(0).shape;
  return {[count = shape[0], classes = shape[1], scores = binding.input<const T>(0),
           labels = binding.input<const std::int32_t>(1), loss = binding.output<T>(0)] {
            *loss.get() = mean_loss(scores.get(), labels.get(), count, classes);
          },
          "loop"};
}

template <class T>
Kernel nll_backward_loop(const Binding& binding) {
  const auto& shape = binding.output_type(0).shape;
  return {[count = shape[0], classes = shape[1], grad = binding.input<const T>(0),
           labels = binding.input<const std::int32_t>(1), dst = binding.output<T>(0)] {
            std::fill_n(dst.get(), count * classes, T{0});
            for (std::int64_t i = 0; i < count; ++i) {
              const auto label = labels.get()[i];
              require_label(label, i, classes);
              dst.get()[i * classes + label] = -*grad.get() / static_cast<T>(count);
            }
          },
          "loop"};
}

template <class T>
Kernel cross_entropy_loop(const Binding& binding) {
  const auto& shape = binding.input_type(0).shape;
  return {[count = shape[0], classes = shape[1], logits = binding.input<const T>(0),
           labels = binding.input<const std::int32_t>(1), loss = binding.output<T>(0),
           log_probabilities = binding.output<T>(1)] {
            softmax_rows(logits.get(), count, classes, true, log_probabilities.get());
            *loss.get() = mean_loss(log_probabilities.get(), labels.get(), count, classes);
          },
          "loop"};
}

template <class T>
Kernel cross_entropy_backward_loop(const Binding& binding) {
  const auto& shape = binding.output_type(0).shape;
  return {[count = shape[0], classes = shape[1], grad = binding.input<const T>(0),
           labels = binding.input<const std::int32_t>(1), log_probabilities = binding.input<const T>(2),
           dst = binding.output<T>(0)] {
            const T scale = *grad.get() / static_cast<T>(count);
            exponentials(log_probabilities.get(), dst.get(), count * classes);
            for (std::int64_t i = 0; i < count * classes; ++i) dst.get()[i] *= scale;
            for (std::int64_t i = 0; i < count; ++i) {
              const auto label = labels.get()[i];
              require_label(label, i, classes);
              dst.get()[i * classes + label] -= scale;
            }
          },
          "loop"};
}

}  // namespace

void require_classification(const ValueType& scores, const ValueType& labels) {
  require_same_float({&scores, 1});
  require_rank(scores, 2, "the classes' scores");
  require_dtype(labels, DType::s32, "labels");
  require_shape(labels, Shape{scores.shape[0]}, "labels");
  if (scores.shape[1] == 0) throw ShapeError{"there must be one class or more"};
}

void require_label(std::int32_t label, std::int64_t row, std::int64_t classes) {
  if (label >= 0 && label < classes) return;
  const auto known = classes == 1 ? std::string{"is 1 class, 0"}
                                  : fmt::format("are {} classes, 0 to {}", classes, classes - 1);
  throw Error{fmt::format("row {} has label {}, but there {}", row, label, known)};
}

std::vector<ValueType> NllOp::infer(std::span<const ValueType> inputs) const {
  require_classification(inputs[0], inputs[1]);
  return {{Shape{}, inputs[0].dtype}};
}

Kernel NllOp::bind(const Binding& binding) const {
  return binding.input_type(0).dtype == DType::f64 ? nll_loop<double>(binding) : nll_loop<float>(binding);
}

std::vector<Var> NllOp::vjp(const VjpContext& context) const {
  const auto op = std::make_shared<NllBackwardOp>(context.inputs[0].shape());
  return {record(op, {context.output_grads[0], context.inputs[1]}, context.where), {}};
}

std::vector<ValueType> NllBackwardOp::infer(std::span<const ValueType> inputs) const {
  require_shape(inputs[0], Shape{}, "grad");
  require_classification({shape_, inputs[0].dtype}, inputs[1]);
  return {{shape_, inputs[0].dtype}};
}

Kernel NllBackwardOp::bind(const Binding& binding) const {
  return binding.output_type(0).dtype == DType::f64 ? nll_backward_loop<double>(binding)
                                                    : nll_backward_loop<float>(binding);
}

// Linear in grad.
std::vector<Var> NllBackwardOp::vjp(const VjpContext& context) const {
  return {nll(context.output_grads[0], context.inputs[1], {}, context.where), Var{}};
}

std::vector<ValueType> CrossEntropyOp::infer(std::span<const ValueType> inputs) const {
  require_classification(inputs[0], inputs[1]);
  return {{Shape{}, inputs[0].dtype}, inputs[0]};
}

Kernel CrossEntropyOp::bind(const Binding& binding) const {
  return binding.input_type(0).dtype == DType::f64 ? cross_entropy_loop<double>(binding)
                                                   : cross_entropy_loop<float>(binding);
}

std::vector<ValueType> CrossEntropyBackwardOp::infer(std::span<const ValueType> inputs) const {
  require_shape(inputs[0], Shape{}, "grad");
  require_classification(inputs[2], inputs[1]);
  return {inputs[2]};
}

Kernel CrossEntropyBackwardOp::bind(const Binding& binding) const {
  return binding.output_type(0).dtype == DType::f64 ? cross_entropy_backward_loop<double>(binding)
                                                    : cross_entropy_backward_loop<float>(binding);
}

namespace {

// The weights of the classes beside their scores; undefined for none.
Var class_weights_for(const Var& scores, const std::vector<double>& weights, std::string_view loss,
                      const SourceLocation& where) {
  if (weights.empty()) return {};
  const auto shape = scores.shape();
  if (shape.rank() == 2 && std::ssize(weights) != shape[1]) {
    throw ShapeError{fmt::format("{} at {}: there are {} for scores {}; give one for each class, {}", loss,
                                 describe(where), counted(weights.size(), "class weight"),
                                 to_string(scores.type()), shape[1])};
  }
  return stored_values(scores, weights, "class weights");
}

// Smoothed, which nll itself has no option for.
Var weighted_nll(const Var& log_probabilities, const Var& labels, const CrossEntropyOptions& options,
                 std::string_view loss, const SourceLocation& where) {
  std::vector inputs{log_probabilities, labels};
  const Var weights = class_weights_for(log_probabilities, options.class_weights, loss, where);
  if (weights.defined()) inputs.push_back(weights);
  const TargetSettings settings{options.ignore_index, options.label_smoothing};
  const auto outputs = labels.tape().record(std::make_shared<WeightedNllOp>(settings), inputs, where);
  if (options.reduction != Reduction::mean) return reduced(outputs[0], options.reduction, where);
  return divide(sum(outputs[0], {}, false, where), sum(outputs[1], {}, false, where), where);
}

bool has_settings(const CrossEntropyOptions& options) {
  return !options.class_weights.empty() || options.ignore_index || options.label_smoothing != 0.0 ||
         options.reduction != Reduction::mean;
}

// -sum of w t log p by row, where t are the targets, smoothed.
Var of_probabilities(const Var& logits, const Var& targets, const CrossEntropyOptions& options,
                     const SourceLocation& where) {
  if (options.ignore_index) {
    throw Error{fmt::format("cross_entropy at {}: ignore_index is for labels, but the targets are {}",
                            describe(where), to_string(targets.type()))};
  }
  require_one_shape("cross_entropy", logits, targets, where);
  if (logits.shape().rank() != 2 || logits.shape()[1] == 0) {
    throw ShapeError{
        fmt::format("cross_entropy at {}: the logits must be (N, C) with one class or more, not {}",
                    describe(where), to_string(logits.type()))};
  }
  Term t{targets, where};
  const double smoothing = options.label_smoothing;
  if (smoothing != 0.0) t = t * (1.0 - smoothing) + smoothing / static_cast<double>(logits.shape()[1]);
  const Var weights = class_weights_for(logits, options.class_weights, "cross_entropy", where);
  if (weights.defined()) t = t * Term{weights, where};
  const Term products = t * Term{log_softmax(logits, -1, where), where};
  return reduced(negate(sum(products.var, {1}, false, where), where), options.reduction, where);
}

}  // namespace

Var nll(const Var& log_probabilities, const Var& labels, const NllOptions& options,
        const SourceLocation& where) {
  const CrossEntropyOptions all{options.class_weights, options.ignore_index, options.reduction};
  if (has_settings(all)) return weighted_nll(log_probabilities, labels, all, "nll", where);
  return record(std::make_shared<NllOp>(), {log_probabilities, labels}, where);
}

Var cross_entropy(const Var& logits, const Var& targets, const CrossEntropyOptions& options,
                  const SourceLocation& where) {
  if (!(options.label_smoothing >= 0.0 && options.label_smoothing <= 1.0)) {
    throw Error{fmt::format("cross_entropy at {}: label_smoothing must be from 0 to 1, not {}",
                            describe(where), options.label_smoothing)};
  }
  const bool probabilities = targets.dtype() == DType::f32 || targets.dtype() == DType::f64;
  if (probabilities && targets.shape().rank() > 1) return of_probabilities(logits, targets, options, where);
  const Var logarithms = log_softmax(logits, -1, where);
  if (has_settings(options)) return weighted_nll(logarithms, targets, options, "cross_entropy", where);
  return nll(logarithms, targets, {}, where);
}

}  // namespace keel
