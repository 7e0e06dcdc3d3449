#pragma once

#include <span>
#include <vector>

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct ClippedGradients {
  std::vector<Var> grads;
  Var norm;  ///< before clipping, an f64 scalar
};

/// Scales all gradients alike so that the norm of all their elements together is at most `max_norm` (Pascanu
/// et al. 2013), as PyTorch's clip_grad_norm_ does: by max_norm / (norm + 1e-6), or by 1 if that is more. The
/// norm is summed up in double, and no finite gradient is too large or too small for that. Where one is not
/// finite, nor are the scaled gradients, not a single one of their elements: an update then sees it. Throws Error when there are no gradients or `max_norm` is not
/// positive; an infinite one clips nothing and still gives the norm.
ClippedGradients clip_by_norm(std::span<const Var> grads, double max_norm,
                              const SourceLocation& where = SourceLocation::current());

/// The operator behind `clip_by_norm`. Inputs: the gradients. Outputs: these scaled, and the norm.
class ClipByNormOp final : public Operator {
 public:
  explicit ClipByNormOp(double max_norm) : max_norm_(max_norm) {}
  [[nodiscard]] std::string_view name() const override { return "clip_by_norm"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> expand(std::span<const Var> inputs,
                                        const SourceLocation& where) const override;

 private:
  template <class T>
  [[nodiscard]] Kernel loop(const Binding& binding) const;

  double max_norm_;
};

}  // namespace keel
