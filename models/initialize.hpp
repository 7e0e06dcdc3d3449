#pragma once

#include <span>
#include <vector>

#include "keel/models/parameter.hpp"
#include "keel/runtime/rng.hpp"

namespace keel {

/// Gives every parameter its values: memory, where it has none yet, and starting values from the stream of
/// `rng` that the parameter's path names. Models that share a path ("fc1.weights") and shape thus start alike
/// from the same seed. The trained parameters lie side by side in one buffer, the statistics and the other
/// state in others. Called again, it starts the same memory afresh: compiled steps go on working, and what
/// optimizers kept of the parameters does not count for the new ones. `dtype` is that of all parameters but
/// those with an element type of their own. Throws Error when two parameters have one path, or when a
/// parameter's element type would become another.
void initialize(std::span<const NamedParameter> parameters, const Rng& rng, DType dtype = DType::f32);

template <class Model>
void initialize(Model& model, const Rng& rng, DType dtype = DType::f32) {
  initialize(parameters(model), rng, dtype);
}

namespace detail {

/// Gives those parameters that have no values yet memory, zeroed.
void allocate(std::span<const NamedParameter> parameters, DType dtype);

}  // namespace detail

/// New tensors of the given types, zeroed, side by side in one buffer that starts at `page_offset` within a
/// page; each starts at a multiple of `alignment`.
std::vector<Tensor> allocate_side_by_side(std::span<const ValueType> types,
                                          PageOffset page_offset = PageOffset::none);

}  // namespace keel
