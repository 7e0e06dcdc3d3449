#include "keel/models/sgd.hpp"

#include <fmt/format.h>

#include <cmath>

#include "keel/models/initialize.hpp"
#include "keel/ops/sgd.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

const std::byte* memory_of(const Var& parameter) {
  return parameter.tape().program().values[parameter.id()].storage.bytes();
}

}  // namespace

Sgd::Sgd(SgdOptions options) : options_(options), learning_rate_(Shape{}, DType::f64) {
  if (!(options.momentum >= 0.0 && options.momentum < 1.0)) {
    throw Error{fmt::format("momentum must be in [0, 1), not {}", options.momentum)};
  }
  set_learning_rate(options.learning_rate);
}

double Sgd::learning_rate() const {
  return learning_rate_.data<double>()[0];
}

void Sgd::set_learning_rate(double learning_rate) {
  if (!(learning_rate >= 0.0) || !std::isfinite(learning_rate)) {
    throw Error{fmt::format("the learning rate must be 0 or a positive number, not {}", learning_rate)};
  }
  learning_rate_.data<double>()[0] = learning_rate;
}

void Sgd::update(std::span<const Var> parameters, std::span<const Var> grads, const SourceLocation& where) {
  if (parameters.empty()) throw Error{fmt::format("Sgd at {}: the model has no parameters", describe(where))};
  allocate_velocities(parameters);
  Tape& tape = parameters[0].tape();
  std::vector<Var> velocities;
  for (const auto& parameter : parameters) {
    velocities.push_back(tape.stored(velocities_.at(memory_of(parameter)), "velocity"));
  }
  sgd_update(parameters, velocities, grads, tape.stored(learning_rate_, "learning_rate"), options_.momentum,
             where);
}

void Sgd::allocate_velocities(std::span<const Var> parameters) {
  std::vector<ValueType> types;
  std::vector<const std::byte*> owners;
  for (const auto& parameter : parameters) {
    if (velocities_.contains(memory_of(parameter))) continue;
    types.push_back(parameter.type());
    owners.push_back(memory_of(parameter));
  }
  const auto tensors = allocate_side_by_side(types, PageOffset::quarter);
  for (std::size_t i = 0; i < owners.size(); ++i) velocities_.emplace(owners[i], tensors[i]);
}

}  // namespace keel
