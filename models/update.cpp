#include "keel/models/update.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "keel/runtime/error.hpp"

namespace keel::detail {

GivenGradients given_gradients(Tape& tape, std::span<const NamedParameter> parameters,
                               std::span<const std::string> paths, std::span<const Var> grads,
                               const SourceLocation& where) {
  GivenGradients given;
  std::size_t known = 0;
  for (const auto& named : parameters) {
    const auto found = std::ranges::find(paths, named.path);
    if (found == paths.end()) continue;
    if (named.parameter->kind() != Parameter::Kind::trained) {
      throw Error{
          fmt::format("the update made at {} was given a gradient of '{}', which is not to be trained",
                      describe(where), named.path)};
    }
    const auto& values = values_of(named);
    const auto& grad = grads[static_cast<std::size_t>(found - paths.begin())];
    if (grad.type() != values.type()) {
      throw ShapeError{fmt::format("the update made at {} was given a gradient of '{}' that is {}; it is {}",
                                   describe(where), named.path, to_string(grad.type()),
                                   to_string(values.type()))};
    }
    ++known;
    if (named.parameter->frozen()) continue;
    given.trained.push_back(tape.stored(values, named.path));
    given.grads.push_back(grad);
  }
  if (known == paths.size()) return given;
  for (const auto& path : paths) {
    if (std::ranges::count(parameters, path, &NamedParameter::path) > 0) continue;
    throw Error{
        fmt::format("the update made at {} was given a gradient of '{}', but the model has no such "
                    "parameter",
                    describe(where), path)};
  }
  return given;
}

bool any_trained(std::span<const NamedParameter> parameters) {
  return std::ranges::any_of(
      parameters, [](const auto& named) { return named.parameter->kind() == Parameter::Kind::trained; });
}

}  // namespace keel::detail
