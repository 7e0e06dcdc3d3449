#include "keel/models/optimizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "keel/models/initialize.hpp"
#include "keel/ops/clip.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

LearningRate::LearningRate(double value) : scalar_(Shape{}, DType::f64) {
  set(value);
}

void LearningRate::set(double value) {
  if (!(value >= 0.0) || !std::isfinite(value))
    throw Error{fmt::format("the learning rate must be 0 or a positive number, not {}", value)};
  scalar_.data<double>()[0] = value;
}

Moments::Moments(const Moments& other)
    : name_(other.name_), page_offset_(other.page_offset_), type_(other.type_) {
  // In the order in which they lie there, so that one sweep goes on to reach them all.
  std::vector<std::pair<Key, Tensor>> entries;
  for (const auto& [key, tensor] : other.tensors_)
    if (!key.holder.expired()) entries.emplace_back(key, tensor);
  std::ranges::sort(entries, std::less<>{}, [](const auto& entry) { return entry.second.bytes(); });
  std::vector<ValueType> types;
  for (const auto& [key, tensor] : entries) types.push_back(tensor.type());
  const auto copies = allocate_side_by_side(types, page_offset_);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    std::copy_n(entries[i].second.bytes(), types[i].bytes(), copies[i].bytes());
    tensors_.emplace(entries[i].first, copies[i]);
  }
}

Moments& Moments::operator=(const Moments& other) {
  if (this != &other) *this = Moments{other};
  return *this;
}

bool Moments::Key::operator<(const Key& other) const {
  if (holder.owner_before(other.holder)) return true;
  if (other.holder.owner_before(holder)) return false;
  return std::less<>{}(address, other.address);
}

std::vector<Tensor> Moments::of(std::span<const Tensor> parameters) {
  std::erase_if(tensors_, [](const auto& entry) { return entry.first.holder.expired(); });
  std::vector<ValueType> types;
  std::vector<Key> added;
  for (const auto& parameter : parameters) {
    Key key{parameter.buffer(), parameter.bytes()};
    if (tensors_.contains(key)) continue;
    types.push_back(type_.value_or(parameter.type()));
    added.push_back(std::move(key));
  }
  const auto fresh = allocate_side_by_side(types, page_offset_);
  for (std::size_t i = 0; i < added.size(); ++i) tensors_.emplace(added[i], fresh[i]);

  std::vector<Tensor> result;
  for (const auto& parameter : parameters)
    result.push_back(tensors_.at({parameter.buffer(), parameter.bytes()}));
  return result;
}

std::vector<Var> Moments::record(std::span<const Var> parameters) {
  std::vector<Tensor> values;
  for (const auto& parameter : parameters)
    values.push_back(parameter.tape().program().values[parameter.id()].storage);
  const auto own = of(values);
  std::vector<Var> recorded;
  for (std::size_t i = 0; i < own.size(); ++i) {
    auto& tape = parameters[i].tape();
    const auto& parameter = tape.program().values[parameters[i].id()].name;
    recorded.push_back(tape.stored(
        own[i], parameter.empty() ? std::string{name_} : fmt::format("{} of {}", name_, parameter)));
  }
  return recorded;
}

std::vector<Tensor> Moments::all() const {
  std::vector<Tensor> result;
  for (const auto& [key, tensor] : tensors_)
    if (!key.holder.expired()) result.push_back(tensor);
  return result;
}

void Moments::reset() {
  for (const auto& [key, tensor] : tensors_) std::fill_n(tensor.bytes(), tensor.type().bytes(), std::byte{});
}

std::vector<OptimizerState> optimizer_state(const LearningRate& learning_rate, std::span<Moments> arrays,
                                            std::span<const NamedParameter> parameters) {
  std::vector<Tensor> values;
  std::vector<std::string_view> paths;
  for (const auto& named : parameters) {
    if (named.parameter->kind() != Parameter::Kind::trained) continue;
    values.push_back(detail::values_of(named));
    paths.push_back(named.path);
  }
  std::vector<std::vector<Tensor>> kept;
  for (auto& array : arrays) kept.push_back(array.of(values));
  std::vector<OptimizerState> result{{"", "learning_rate", learning_rate.scalar()}};
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t k = 0; k < kept.size(); ++k)
      result.push_back({std::string{paths[i]}, std::string{arrays[k].name()}, kept[k][i]});
  }
  return result;
}

bool detail::optimizer_changed(Presence::Watch& watch) {
  const auto fate = watch.look();
  if (fate == Presence::Fate::moved_away || fate == Presence::Fate::destroyed) {
    throw Error{
        fmt::format("the optimizer was {} after a step was made with it: "
                    "make the step anew, with the optimizer where it stays",
                    fate == Presence::Fate::destroyed ? "destroyed" : "moved away")};
  }
  return fate == Presence::Fate::changed;
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

void require_positive_epsilon(double epsilon) {
  constexpr double least = std::numeric_limits<float>::min();
  if (epsilon >= least && std::isfinite(epsilon)) return;
  throw Error{fmt::format("epsilon must be a number of at least {:.3g}, not {}", least, epsilon)};
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
