#include "keel/ops/types.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>

#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

void require_same_float(std::span<const ValueType> inputs) {
  for (const auto& type : inputs) {
    if (type.dtype != DType::f32 && type.dtype != DType::f64) {
      throw ShapeError{fmt::format("its inputs must be f32 or f64, not {}", name_of(type.dtype))};
    }
    if (type.dtype != inputs[0].dtype) {
      throw ShapeError{fmt::format("its inputs must have one element type, not {} and {}",
                                   name_of(inputs[0].dtype), name_of(type.dtype))};
    }
  }
}

void require_rank(const ValueType& type, std::size_t rank, std::string_view role) {
  if (type.shape.rank() == rank) return;
  throw ShapeError{fmt::format("{} must have {}, not {} as in {}", role, counted(rank, "axis", "axes"),
                               type.shape.rank(), to_string(type.shape))};
}

void require_shape(const ValueType& type, const Shape& shape, std::string_view role) {
  if (type.shape == shape) return;
  throw ShapeError{fmt::format("{} must be {}, not {}", role, to_string(shape), to_string(type.shape))};
}

void require_epsilon(double epsilon) {
  if (epsilon >= 0.0 && std::isfinite(epsilon)) return;
  throw ShapeError{fmt::format("epsilon must be 0 or a positive number, not {}", epsilon)};
}

void require_dtype(const ValueType& type, DType dtype, std::string_view role) {
  if (type.dtype == dtype) return;
  throw ShapeError{fmt::format("{} must be {}, not {}", role, name_of(dtype), name_of(type.dtype))};
}

}  // namespace keel
