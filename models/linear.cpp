#include "keel/models/linear.hpp"

#include "keel/ops/matmul.hpp"

namespace keel {

Linear::Linear(std::int64_t inputs, std::int64_t outputs, const LinearOptions& options)
    : weights_(Shape{outputs, inputs}, options.weights({inputs, outputs})) {
  if (options.bias) bias_.emplace(Shape{outputs}, options.bias_values({inputs, outputs}));
}

Var Linear::operator()(const Var& src, const SourceLocation& where) const {
  Tape& tape = src.tape();
  const Var bias = bias_ ? bias_->on(tape, "bias", where) : Var{};
  return linear(src, weights_.on(tape, "weights", where), bias, where);
}

}  // namespace keel
