#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "keel/runtime/shape.hpp"

namespace keel {

// The checks that shape rules share. Each throws ShapeError; the tape puts the operator and the caller's line
// in front.

/// All of one floating-point type: f32 or f64.
void require_same_float(std::span<const ValueType> inputs);
void require_rank(const ValueType& type, std::size_t rank, std::string_view role);
void require_shape(const ValueType& type, const Shape& shape, std::string_view role);
/// 0 or positive, and finite.
void require_epsilon(double epsilon);
void require_dtype(const ValueType& type, DType dtype, std::string_view role);

}  // namespace keel
