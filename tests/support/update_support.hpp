#pragma once

// What the tests of the optimizers' operators share.

#include <algorithm>
#include <memory>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/runtime/tensor.hpp"
#include "ops_support.hpp"

namespace keel::test {

/// Zeros of the given shapes, side by side in one buffer or each in its own.
inline std::vector<Tensor> allocate(const std::vector<Shape>& shapes, DType dtype, bool adjacent) {
  std::size_t bytes = 0;
  for (const auto& shape : shapes) bytes += aligned(ValueType{shape, dtype}.bytes());
  const auto buffer = std::make_shared<Buffer>(bytes);
  std::vector<Tensor> tensors;
  std::size_t offset = 0;
  for (const auto& shape : shapes) {
    if (adjacent)
      tensors.emplace_back(buffer, offset, ValueType{shape, dtype});
    else
      tensors.emplace_back(shape, dtype);
    offset += aligned(tensors.back().type().bytes());
  }
  return tensors;
}

template <class T>
void fill_randomly(const std::vector<Tensor>& tensors, std::uint64_t seed) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor random = converted(random_tensor(tensors[i].shape(), seed + i), dtype_of<T>());
    std::ranges::copy(random.data<T>(), tensors[i].data<T>().begin());
  }
}

inline std::vector<Var> stored(Tape& tape, const std::vector<Tensor>& tensors) {
  std::vector<Var> vars;
  for (const auto& tensor : tensors) vars.push_back(tape.stored(tensor));
  return vars;
}

/// Shapes that one sweep joins, since each fills whole cache lines, and others, between which there is a gap;
/// about the widths of vectors, and with matrices, which decay, among vectors, which don't.
inline std::vector<std::vector<Shape>> update_shapes() {
  return {{Shape{16}},
          {Shape{16}, Shape{4, 8}, Shape{32}},
          {Shape{4, 8}, Shape{2, 2, 4}, Shape{1, 16}, Shape{16}, Shape{2, 16}},
          {Shape{3}, Shape{}, Shape{16}, Shape{2, 8}, Shape{5}},
          {Shape{1, 1}, Shape{7}, Shape{3, 5}, Shape{17}, Shape{3, 11}}};
}

}  // namespace keel::test
