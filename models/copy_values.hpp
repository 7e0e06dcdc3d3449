#pragma once

#include <span>

#include "keel/models/parameter.hpp"

namespace keel {

/// Gives every parameter of `to` the values of the one with the same path in `from`, running statistics and
/// random streams included: what makes a copy of a model, such as a teacher or a target network, of a second one
/// of the same make. It need not be initialized; compiled steps of one that is follow. Throws Error for a path
/// that only one of them has, ShapeError for another shape or element type, NoValuesError before `from` is
/// initialized; `to` then keeps its values.
void copy_values(std::span<const NamedParameter> from, std::span<const NamedParameter> to);

template <class From, class To>
void copy_values(From& from, To& to) {
  copy_values(std::span<const NamedParameter>{parameters(from)},
              std::span<const NamedParameter>{parameters(to)});
}

}  // namespace keel
