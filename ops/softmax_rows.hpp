#pragma once

#include <cstdint>

#pragma GCC visibility push(hidden)

namespace keel {

// Softmax and its logarithm of rows that lie side by side, each of `length` elements.

/// dst = exp(src) / sum of exp(src) along each row or, with `logarithm`, the logarithm of that. Of
/// log(sum of exp(x)) = max + log(sum of exp(x - max)) the two terms are taken from x one after the other,
/// since their sum would round the small one away beside a large maximum. On several threads where that pays.
void softmax_rows(const float* src, std::int64_t rows, std::int64_t length, bool logarithm, float* dst);
/// The reference, on one thread.
void softmax_rows(const double* src, std::int64_t rows, std::int64_t length, bool logarithm, double* dst);

/// grad_src of the same, from what it left in dst.
void softmax_rows_backward(const float* grad_dst, const float* dst, std::int64_t rows, std::int64_t length,
                           bool logarithm, float* grad_src);

}  // namespace keel

#pragma GCC visibility pop
