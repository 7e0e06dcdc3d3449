#pragma once

#include <cstdint>

#pragma GCC visibility push(hidden)

namespace keel {

/// dst[i] = src[i] * scale + shift, of bytes: how pixels become numbers.
void scale_bytes(const std::uint8_t* src, float* dst, std::int64_t count, float scale, float shift);

}  // namespace keel

#pragma GCC visibility pop
