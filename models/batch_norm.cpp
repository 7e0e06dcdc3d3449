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
  const auto normalized = [&]() -> SynchronizedBatchNormResult {
    if (options_.synchronized) return synchronized_batch_norm(src, gamma, beta, options_.epsilon, where);
    const auto own = batch_norm_training(src, gamma, beta, options_.epsilon, where);
    return {own.dst, own.mean, own.variance, {}};
  };
  const auto [dst, mean, variance, count] = normalized();
  if (!tape.may_change(running_mean_.value())) return dst;
  const Var updates = updates_.on(tape, "updates", where);
  if (count.defined()) {
    update_running_statistics(running_mean, running_variance, updates, mean, variance, options_.momentum,
                              count, where);
  } else {
    update_running_statistics(running_mean, running_variance, updates, mean, variance, options_.momentum,
                              src.shape().elements() / gamma.shape()[0], where);
  }
  return dst;
}

}  // namespace keel
