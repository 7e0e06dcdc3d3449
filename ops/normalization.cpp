#include "keel/ops/normalization.hpp"

#include <array>

#include "keel/graph/accumulate.hpp"

namespace keel {

std::vector<Var> with_statistics(const Operator& op, const VjpContext& context, std::vector<Var> grads) {
  std::vector<Var> output_grads{context.output_grads.begin(), context.output_grads.end()};
  output_grads[0] = {};
  grads.resize(context.inputs.size());
  if (!output_grads[1].defined() && !output_grads[2].defined()) return grads;
  VjpContext of_statistics = context;
  of_statistics.output_grads = output_grads;
  const auto through_statistics = op.Operator::vjp(of_statistics);
  for (std::size_t i = 0; i < grads.size(); ++i) {
    const std::array terms{grads[i], through_statistics[i]};
    if (!terms[1].defined()) continue;
    grads[i] = terms[0].defined() ? accumulate(terms, context.where) : terms[1];
  }
  return grads;
}

}  // namespace keel
