#include "keel/runtime/tree_sum.hpp"

namespace keel::loops {

KEEL_EACH_WIDTH void add(const float* a, const float* b, std::size_t count, float* dst) {
  for (std::size_t i = 0; i < count; ++i) dst[i] = a[i] + b[i];
}

KEEL_EACH_WIDTH void add(const double* a, const double* b, std::size_t count, double* dst) {
  for (std::size_t i = 0; i < count; ++i) dst[i] = a[i] + b[i];
}

}  // namespace keel::loops
