#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#pragma GCC visibility push(hidden)

namespace keel::loops {

/// dst[i] = a[i] + b[i]; dst may be either.
void add(const float* a, const float* b, std::size_t count, float* dst);
void add(const double* a, const double* b, std::size_t count, double* dst);

/// dst = the sum of arrays of `count` elements by a binary tree: neighbours first, then neighbouring pairs, and so on.
/// The bits of a sum of 2^k terms are those of the sum of the sums of its halves. Overwrites the arrays, of which dst
/// may be one.
template <class T>
void add_by_tree(std::span<T* const> arrays, std::size_t count, T* dst) {
  constexpr std::size_t block = 2048;  // stays in the first-level cache through all levels of the tree
  std::vector<T*> sums(arrays.size());
  for (std::size_t begin = 0; begin < count; begin += block) {
    const auto length = std::min(block, count - begin);
    for (std::size_t i = 0; i < arrays.size(); ++i) sums[i] = arrays[i] + begin;
    for (auto terms = arrays.size(); terms > 1; terms = (terms + 1) / 2) {
      for (std::size_t i = 0; i + 1 < terms; i += 2) {
        T* const sum = terms == 2 ? dst + begin : sums[i];
        add(sums[i], sums[i + 1], length, sum);
        sums[i / 2] = sum;
      }
      if (terms % 2 == 1) sums[terms / 2] = sums[terms - 1];
    }
  }
}

}  // namespace keel::loops

#pragma GCC visibility pop
