#include "keel/models/mlp.hpp"

#include <cstddef>
#include <cstdint>

#include "keel/ops/relu.hpp"

namespace keel {

Mlp::Mlp(const MlpOptions& options) {
  std::int64_t inputs = options.inputs;
  LinearOptions linear{.weights = options.weights, .bias_values = options.bias_values};
  for (const auto width : options.hidden) {
    linear.bias = !options.batch_norm;
    linears_.emplace_back(inputs, width, linear);
    if (options.batch_norm) norms_.emplace_back(width);
    inputs = width;
  }
  linear.bias = true;
  linears_.emplace_back(inputs, options.classes, linear);
}

Var Mlp::operator()(const Var& images, const SourceLocation& where) const {
  Var hidden = images;
  for (std::size_t i = 0; i + 1 < linears_.size(); ++i) {
    hidden = linears_[i](hidden, where);
    if (i < norms_.size()) hidden = norms_[i](hidden, where);
    hidden = relu(hidden, where);
  }
  return linears_.back()(hidden, where);
}

}  // namespace keel
