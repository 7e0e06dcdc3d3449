#include "keel/models/batch_norm.hpp"

#include "keel/ops/batch_norm.hpp"
#include "keel/ops/running_statistics.hpp"
#include "keel/ops/types.hpp"

namespace keel {

BatchNorm::BatchNorm(std::int64_t features, BatchNormOptions options)
    : options_(options),
      gamma_(Shape{features}, Initializer::constant(options.gamma)),
      beta_(Shape{features}, Initializer::constant(0.0)),
      running_mean_(Shape{features}, Initializer::constant(0.0), Parameter::Kind::statistic),
      running_variance_(Shape{features}, Initializer::constant(1.0), Parameter::Kind::statistic),
      updates_(Shape{}, Initializer::constant(0.0), Parameter::Kind::statistic) {
  require_epsilon(options.epsilon);
}

Var BatchNorm::operator()(const Var& src, const SourceLocation& where) const {
  Tape& tape = src.tape();
  const Var gamma = gamma_.on(tape, "gamma", where);
  const Var beta = beta_.on(tape, "beta", where);
  const Var running_mean = running_mean_.on(tape, "running_mean", where);
  const Var running_variance = running_variance_.on(tape, "running_variance", where);
  if (tape.mode() == Mode::inference || running_mean_.frozen()) {
    return batch_norm_inference(src, gamma, beta, running_mean, running_variance, options_.epsilon, where);
  }
  const auto [dst, mean, variance] = batch_norm_training(src, gamma, beta, options_.epsilon, where);
  if (!tape.may_change(running_mean_.value())) return dst;
  const auto count = src.shape().elements() / gamma.shape()[0];  // a feature
  update_running_statistics(running_mean, running_variance, updates_.on(tape, "updates", where), mean,
                            variance, options_.momentum, count, where);
  return dst;
}

}  // namespace keel
