#include "keel/tools/training/ghost_batch_norm.hpp"

#include <fmt/format.h>

#include "keel/ops/arithmetic.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/concatenate.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/running_statistics.hpp"
#include "keel/ops/slice.hpp"
#include "keel/ops/transpose.hpp"
#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

// (C) as (groups * C), once for each group.
Var for_each_group(const Var& src, std::int64_t groups) {
  const auto features = src.shape()[0];
  return reshape(broadcast_to(src, Shape{groups, features}), {groups * features});
}

}  // namespace

GhostBatchNorm::GhostBatchNorm(std::int64_t features, std::int64_t size, BatchNormOptions options)
    : size_(size),
      options_(options),
      gamma_(Shape{features}, Initializer::constant(1.0)),
      beta_(Shape{features}, Initializer::constant(0.0)),
      running_mean_(Shape{features}, Initializer::constant(0.0), Parameter::Kind::statistic),
      running_variance_(Shape{features}, Initializer::constant(1.0), Parameter::Kind::statistic),
      updates_(Shape{}, Initializer::constant(0.0), Parameter::Kind::statistic) {
  if (size < 2) throw Error{fmt::format("ghost batches of {} have no variance: take two rows or more", size)};
}

// Each group's features become features of their own, so that one batch norm over the rows within the groups
// normalizes all groups.
GhostBatchNorm::Normalized GhostBatchNorm::normalize(const Var& src, std::int64_t groups, const Var& gamma,
                                                     const Var& beta) const {
  const auto features = src.shape()[1];
  const auto size = src.shape()[0] / groups;
  const Var rows = reshape(transpose(reshape(src, {groups, size, features}), {1, 0, 2}), {size, -1});
  const auto [dst, mean, variance] = batch_norm_training(rows, for_each_group(gamma, groups),
                                                         for_each_group(beta, groups), options_.epsilon);
  const auto total = [&](const Var& statistic) {
    return sum(reshape(statistic, {groups, features}), {0}) * static_cast<double>(size);
  };
  return {reshape(transpose(reshape(dst, {size, groups, features}), {1, 0, 2}), {groups * size, features}),
          total(mean), total(variance)};
}

Var GhostBatchNorm::operator()(const Var& src) const {
  Tape& tape = src.tape();
  const Var gamma = gamma_.on(tape, "gamma");
  const Var beta = beta_.on(tape, "beta");
  const Var running_mean = running_mean_.on(tape, "running_mean");
  const Var running_variance = running_variance_.on(tape, "running_variance");
  if (tape.mode() == Mode::inference || running_mean_.frozen())
    return batch_norm_inference(src, gamma, beta, running_mean, running_variance, options_.epsilon);
  if (src.shape().rank() != 2 || src.shape()[1] != gamma.shape()[0] || src.shape()[0] < 2)
    throw ShapeError{fmt::format("ghost batch norm of {} features needs at least two rows of them, not {}",
                                 gamma.shape()[0], to_string(src.shape()))};

  const auto rows = src.shape()[0];
  auto whole = rows / size_;
  auto rest = rows % size_;
  if (rest == 1) --whole, rest += size_;
  Normalized all;
  if (whole > 0) all = normalize(rest == 0 ? src : slice(src, 0, 0, whole * size_), whole, gamma, beta);
  if (rest > 0) {
    const auto last = normalize(whole == 0 ? src : slice(src, 0, whole * size_, rows), 1, gamma, beta);
    all = whole == 0 ? last
                     : Normalized{concatenate({all.dst, last.dst}, 0), all.means + last.means,
                                  all.squares + last.squares};
  }
  if (!tape.may_change(running_mean_.value())) return all.dst;
  // The update takes a biased variance of all rows and makes it unbiased.
  const auto count = static_cast<double>(rows);
  const auto groups = static_cast<double>(whole + (rest > 0 ? 1 : 0));
  const double biased = (count - 1.0) / count / (count - groups);
  update_running_statistics(running_mean, running_variance, updates_.on(tape, "updates"),
                            all.means * (1.0 / count), all.squares * biased, options_.momentum, rows);
  return all.dst;
}

}  // namespace keel::tools
