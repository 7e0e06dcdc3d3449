#include "keel/runtime/tree_sum.hpp"

namespace keel::loops {

KEEL_EACH_WIDTH void add_to(float* dst, const float* src, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) dst[i] += src[i];
}

KEEL_EACH_WIDTH void add_to(double* dst, const double* src, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) dst[i] += src[i];
}

}  // namespace keel::loops
