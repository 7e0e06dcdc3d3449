#pragma once

#include <cstddef>
#include <cstdint>

#pragma GCC visibility push(hidden)

namespace keel::loops {

/// dst[i] += src[i].
void add_to(float* dst, const float* src, std::size_t count);
void add_to(double* dst, const double* src, std::size_t count);

/// Sums of `terms` arrays of `count` elements, one behind the other, into the first of them, by a binary tree:
/// neighbours first, then neighbouring pairs, and so on. The bits of a sum of 2^k terms are those of the sum of the
/// sums of its halves.
template <class T>
void add_by_tree(T* arrays, std::size_t terms, std::size_t count) {
  for (std::size_t step = 1; step < terms; step *= 2) {
    for (std::size_t first = 0; first + step < terms; first += 2 * step)
      add_to(arrays + first * count, arrays + (first + step) * count, count);
  }
}

}  // namespace keel::loops

#pragma GCC visibility pop
