#include "keel/ops/group_norm.hpp"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/batch_norm_op.hpp"
#include "keel/ops/stored_values.hpp"
#include "keel/ops/term.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

struct Call {
  std::string_view name;
  Var src;
  Var gamma;
  Var beta;
  SourceLocation where;

  [[noreturn]] void refuse(std::string_view reason) const {
    throw ShapeError{fmt::format("{}({}) at {}: {}", name, to_string(src.type()), describe(where), reason)};
  }
};

void require_groups(const Call& call, std::int64_t groups) {
  const auto shape = call.src.shape();
  if (shape.rank() < 2) call.refuse(fmt::format("src must have 2 axes (N, C) or more, not {}", shape.rank()));
  if (groups < 1 || shape[1] % groups != 0)
    call.refuse(fmt::format("{} can't be divided into {}", counted(shape[1], "channel"),
                            counted(groups, "equal group")));
  if (elements_between(shape, 1, shape.rank()) == groups) {
    call.refuse(
        "each group has only one value, of which there is no variance; give it more channels or pixels");
  }
  if (call.gamma.defined() != call.beta.defined()) call.refuse("give both gamma and beta, or neither");
  for (const auto& [values, role] : {std::pair{call.gamma, "gamma"}, std::pair{call.beta, "beta"}}) {
    if (values.defined() && values.type() != ValueType{Shape{shape[1]}, call.src.dtype()})
      call.refuse(fmt::format("{} must be ({}), of src's element type, not {}", role, shape[1],
                              to_string(values.type())));
  }
}

// The values of a channel of each sample, (C) to (N * C).
Var for_each_sample(const Var& values, std::int64_t samples, const SourceLocation& where) {
  const auto channels = values.shape()[0];
  return reshape(broadcast_to(values, {samples, channels}, where), {samples * channels}, where);
}

// It is batch norm of one sample, whose features are the groups of all samples. Gamma and beta can be its own
// where a group is one channel; else they come behind.
Var normalized(const Call& call, std::int64_t groups, double epsilon) {
  require_groups(call, groups);
  const auto& where = call.where;
  const auto shape = call.src.shape();
  const auto [samples, channels] = std::pair{shape[0], shape[1]};
  const auto features = samples * groups;
  const bool own_scale = call.gamma.defined() && groups == channels;
  const auto filled = [&](double value) {
    const std::vector values(static_cast<std::size_t>(features), value);
    return stored_values(call.src, values, fmt::format("{}", value));
  };
  const std::array inputs{
      reshape_to(call.src, {1, features, elements_between(shape, 1, shape.rank()) / groups}, where),
      own_scale ? for_each_sample(call.gamma, samples, where) : filled(1.0),
      own_scale ? for_each_sample(call.beta, samples, where) : filled(0.0)};
  const auto op = std::make_shared<BatchNormOp>(BatchNormSettings{.epsilon = epsilon, .of_groups = true});
  Var dst = reshape_to(call.src.tape().record(op, inputs, where)[0], shape, where);
  if (own_scale || !call.gamma.defined()) return dst;
  std::vector<std::int64_t> beside(shape.rank() - 1, 1);
  beside[0] = channels;
  const Shape of_channels{beside};
  return (Term{dst, where} * Term{call.gamma, where}.reshaped(of_channels) +
          Term{call.beta, where}.reshaped(of_channels))
      .var;
}

}  // namespace

Var group_norm(const Var& src, std::int64_t groups, const Var& gamma, const Var& beta, double epsilon,
               const SourceLocation& where) {
  return normalized({"group_norm", src, gamma, beta, where}, groups, epsilon);
}

Var instance_norm(const Var& src, const Var& gamma, const Var& beta, double epsilon,
                  const SourceLocation& where) {
  const auto shape = src.shape();
  return normalized({"instance_norm", src, gamma, beta, where}, shape.rank() < 2 ? 1 : shape[1], epsilon);
}

}  // namespace keel
