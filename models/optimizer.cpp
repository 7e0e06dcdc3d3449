#include "keel/models/optimizer.hpp"

#include <fmt/format.h>

#include <cmath>

#include "keel/models/initialize.hpp"
#include "keel/ops/clip.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

const std::byte* memory_of(const Var& parameter) {
  return parameter.tape().program().values[parameter.id()].storage.bytes();
}

}  // namespace

LearningRate::LearningRate(double value) : scalar_(Shape{}, DType::f64) {
  set(value);
}

void LearningRate::set(double value) {
  if (!(value >= 0.0) || !std::isfinite(value))
    throw Error{fmt::format("the learning rate must be 0 or a positive number, not {}", value)};
  scalar_.data<double>()[0] = value;
}

std::vector<Var> Moments::record(std::span<const Var> parameters) {
  std::vector<ValueType> types;
  std::vector<const std::byte*> owners;
  for (const auto& parameter : parameters) {
    if (tensors_.contains(memory_of(parameter))) continue;
    types.push_back(parameter.type());
    owners.push_back(memory_of(parameter));
  }
  const auto added = allocate_side_by_side(types, page_offset_);
  for (std::size_t i = 0; i < owners.size(); ++i) tensors_.emplace(owners[i], added[i]);

  std::vector<Var> recorded;
  for (const auto& parameter : parameters) {
    auto& tape = parameter.tape();
    const auto& of = tape.program().values[parameter.id()].name;
    recorded.push_back(tape.stored(tensors_.at(memory_of(parameter)),
                                   of.empty() ? std::string{name_} : fmt::format("{} of {}", name_, of)));
  }
  return recorded;
}

void require_parameters(std::string_view optimizer, std::span<const Var> parameters,
                        const SourceLocation& where) {
  if (!parameters.empty()) return;
  throw Error{fmt::format("{} at {}: the model has no parameters", optimizer, describe(where))};
}

void require_fraction(std::string_view option, double value) {
  if (value >= 0.0 && value < 1.0) return;
  throw Error{fmt::format("{} must be in [0, 1), not {}", option, value)};
}

void require_weight_decay(double weight_decay) {
  if (weight_decay >= 0.0 && std::isfinite(weight_decay)) return;
  throw Error{fmt::format("weight_decay must be 0 or a positive number, not {}", weight_decay)};
}

void require_clip_norm(std::optional<double> clip_norm) {
  if (!clip_norm || *clip_norm > 0.0) return;
  throw Error{fmt::format("clip_norm must be positive, or left out, not {}", *clip_norm)};
}

std::vector<Var> clipped(std::span<const Var> grads, std::optional<double> clip_norm,
                         const SourceLocation& where) {
  if (!clip_norm) return {grads.begin(), grads.end()};
  return clip_by_norm(grads, *clip_norm, where).grads;
}

}  // namespace keel
