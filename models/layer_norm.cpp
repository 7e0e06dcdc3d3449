#include "keel/models/layer_norm.hpp"

#include "keel/ops/layer_norm.hpp"
#include "keel/ops/types.hpp"

namespace keel {

LayerNorm::LayerNorm(std::int64_t features, LayerNormOptions options)
    : options_(options),
      gamma_(Shape{features}, Initializer::constant(1.0)),
      beta_(Shape{features}, Initializer::constant(0.0)) {
  require_epsilon(options.epsilon);
}

Var LayerNorm::operator()(const Var& src, const SourceLocation& where) const {
  Tape& tape = src.tape();
  return layer_norm(src, gamma_.on(tape, "gamma", where), beta_.on(tape, "beta", where), options_.epsilon,
                    where);
}

}  // namespace keel
