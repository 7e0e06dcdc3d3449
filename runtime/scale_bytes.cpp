#include "keel/runtime/scale_bytes.hpp"

namespace keel {

KEEL_EACH_WIDTH void scale_bytes(const std::uint8_t* __restrict src, float* __restrict dst,
                                 std::int64_t count, float scale, float shift) {
  for (std::int64_t i = 0; i < count; ++i) dst[i] = static_cast<float>(src[i]) * scale + shift;
}

}  // namespace keel
