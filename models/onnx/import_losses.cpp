// Losses of classifiers.

#include <array>
#include <numeric>

#include "keel/models/onnx/call.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/comparison.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/softmax.hpp"
#include "keel/ops/transpose.hpp"

namespace keel::onnx {
namespace {

// log p (N, C, ...) and labels (N, ...): of each sample minus that of its label, times the weight of that.
void likelihood_loss(Call& call, const Var& log_p) {
  const auto& where = call.where();
  const Shape shape = log_p.shape();
  if (shape.rank() < 2) call.fail("its first input has no classes");
  const auto classes = shape[1];
  call.spend(classes);
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(classes));
  std::iota(numbers.begin(), numbers.end(), 0);
  std::vector<std::int64_t> along(shape.rank(), 1);
  along[1] = classes;
  const Var every =
      call.tape().stored(Tensor::of<std::int32_t>(Shape{along}, std::span<const std::int32_t>{numbers}));
  const Var labels = call.var(1);
  if (labels.dtype() != DType::s32) call.fail("its labels are not integers");
  const Var is_label = equal(expand_dims(labels, 1, where), every, where);
  const Term one{broadcast_to(call.tape().constant(1.0, log_p.dtype()), shape, where), where};
  Term weight = call.has(2) ? Term{reshape_to(call.real(2), Shape{along}, where), where} * one : one;
  if (call.is_set("ignore_index")) {
    const auto ignored = equal(labels, static_cast<double>(call.integer("ignore_index")), where);
    weight = {keel::where(expand_dims(ignored, 1, where), 0.0, weight.var, where), where};
  }
  const Term counted{keel::where(is_label, weight.var, 0.0, where), where};
  const Var terms = negate(
      sum(keel::where(is_label, (weight * Term{log_p, where}).var, 0.0, where), {1}, false, where), where);
  const auto reduction = call.text("reduction", "mean");
  if (reduction == "none") return call.give(terms);
  const Term total{sum(terms, {}, false, where), where};
  if (reduction == "sum") return call.give(total);
  if (reduction != "mean") call.fail("attribute 'reduction' is neither 'none', 'sum' nor 'mean'");
  call.give(total / Term{sum(counted.var, {}, false, where), where});
}

void negative_log_likelihood(Call& call) {
  likelihood_loss(call, call.real(0));
}

void softmax_cross_entropy(Call& call) {
  const Var log_p = log_softmax(call.real(0), 1, call.where());
  likelihood_loss(call, log_p);
  call.give(1, log_p, call.element(0));
}

}  // namespace

std::span<const OperatorEntry> loss_operators() {
  static constexpr std::array entries{
      OperatorEntry{"NegativeLogLikelihoodLoss", 2, 3, 1, negative_log_likelihood},
      OperatorEntry{"SoftmaxCrossEntropyLoss", 2, 3, 2, softmax_cross_entropy},
  };
  return entries;
}

}  // namespace keel::onnx
