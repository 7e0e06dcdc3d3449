#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "keel/runtime/communicator.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Replaces sums by those over all ranks, in one message with the number of values that they are of, and returns
/// that of all ranks.
inline double over_ranks(const Communicator& ranks, double count, std::span<const std::span<double>> sums) {
  if (ranks.size() == 1) return count;
  std::vector<double> message{count};
  for (const auto& array : sums) message.insert(message.end(), array.begin(), array.end());
  ranks.all_reduce(message, "batch_norm's sums");
  auto next = message.begin() + 1;
  for (const auto& array : sums) {
    std::copy_n(next, array.size(), array.begin());
    next += static_cast<std::ptrdiff_t>(array.size());
  }
  return message[0];
}

inline double over_ranks(const Communicator& ranks, double count, std::span<double> sums) {
  return over_ranks(ranks, count, std::array{sums});
}

/// What ranks have together is known only when they run.
inline void require_several(double count) {
  if (count >= 2.0) return;
  throw Error{
      "all ranks together have less than two values of a feature, and training normalizes by the batch's own variance: "
      "leave the batch out, on every rank"};
}

}  // namespace keel

#pragma GCC visibility pop
