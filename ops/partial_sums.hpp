#pragma once

#include <cstdint>
#include <optional>

#pragma GCC visibility push(hidden)

namespace keel {

// Long sums as sums of parts: each part in f32, all of them together in double, always in the same order. Large
// arrays are shared among the threads.

/// sums += part, or, for the first one, sums = part.
void add_part(const float* part, double* sums, std::int64_t count, bool is_first);

/// dst = sums + bias + accumulate * dst for sums (rows, columns), rounded to f32 once; bias (columns) may be
/// null.
void store_sums(const double* sums, const float* bias, float* dst, std::int64_t rows, std::int64_t columns,
                std::optional<float> accumulate = {});

}  // namespace keel

#pragma GCC visibility pop
