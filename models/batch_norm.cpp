#include "keel/models/batch_norm.hpp"

#include <array>
#include <limits>

#include "keel/ops/all_reduce.hpp"
#include "keel/ops/arithmetic.hpp"
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

namespace {

std::int64_t count_of(const Var& src) {
  return src.shape().elements() / src.shape()[1];
}

}  // namespace

// Over several ranks the running statistics follow the mean of the ranks' own, so that they are the same on all.
SynchronizedBatchNormResult BatchNorm::normalize(const Var& src, const Var& gamma, const Var& beta,
                                                 const SourceLocation& where) const {
  if (options_.synchronized) return synchronized_batch_norm(src, gamma, beta, options_.epsilon, where);
  const auto [dst, mean, variance] = batch_norm_training(src, gamma, beta, options_.epsilon, where);
  const auto ranks = src.tape().ranks().size();
  if (ranks == 1) return {dst, mean, variance, {}};
  const auto count = static_cast<double>(count_of(src));
  const std::array own{mean, LocatedVar{variance, where} * (count / (count - 1.0))};
  const auto sums = all_reduce(own, where);
  return {dst, LocatedVar{sums[0], where} * (1.0 / ranks), LocatedVar{sums[1], where} * (1.0 / ranks),
          src.tape().constant(std::numeric_limits<double>::infinity(), src.dtype())};
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
  const auto batch = normalize(src, gamma, beta, where);
  if (!tape.may_change(running_mean_.value())) return batch.dst;
  const Var updates = updates_.on(tape, "updates", where);
  if (tape.ranks().size() == 1) {
    update_running_statistics(running_mean, running_variance, updates, batch.mean, batch.variance,
                              options_.momentum, count_of(src), where);
  } else {
    update_running_statistics(running_mean, running_variance, updates, batch.mean, batch.variance,
                              options_.momentum, batch.count, where);
  }
  return batch.dst;
}

}  // namespace keel
