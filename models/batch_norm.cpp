#include "keel/models/batch_norm.hpp"

#include "keel/ops/batch_norm.hpp"
#include "keel/ops/running_statistics.hpp"

namespace keel {

BatchNorm::BatchNorm(std::int64_t features, BatchNormOptions options)
    : options_(options),
      gamma_(Shape{features}, Initializer::constant(1.0)),
      beta_(Shape{features}, Initializer::constant(0.0)),
      running_mean_(Shape{features}, Initializer::constant(0.0), Parameter::Kind::state),
      running_variance_(Shape{features}, Initializer::constant(1.0), Parameter::Kind::state) {}

Var BatchNorm::operator()(const Var& src, const SourceLocation& where) const {
  Tape& tape = src.tape();
  const Var gamma = tape.stored(gamma_.value(), "gamma");
  const Var beta = tape.stored(beta_.value(), "beta");
  const Var running_mean = tape.stored(running_mean_.value(), "running_mean");
  const Var running_variance = tape.stored(running_variance_.value(), "running_variance");
  if (tape.mode() == Mode::inference) {
    return batch_norm_inference(src, gamma, beta, running_mean, running_variance, options_.epsilon, where);
  }
  const auto [dst, mean, variance] = batch_norm_training(src, gamma, beta, options_.epsilon, where);
  const auto values_a_feature = src.shape().elements() / src.shape()[1];
  update_running_statistics(running_mean, running_variance, mean, variance, options_.momentum,
                            values_a_feature, where);
  return dst;
}

}  // namespace keel
