#include "keel/ops/partial_sums.hpp"

#include <algorithm>

#include "keel/runtime/threads.hpp"

namespace keel {

namespace loops {

// Declared in no header, but not of this file alone either: the loader picks one of several versions.
KEEL_EACH_WIDTH void add_to_doubles(const float* __restrict part, double* __restrict sums,
                                    std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] += static_cast<double>(part[i]);
}

}  // namespace loops

namespace {

constexpr std::int64_t elements_per_thread = 1 << 15;

}  // namespace

void add_part(const float* part, double* sums, std::int64_t count, bool is_first) {
  parallel_for(count, elements_per_thread, [=](std::int64_t begin, std::int64_t end) {
    if (is_first) {
      std::copy(part + begin, part + end, sums + begin);
    } else {
      loops::add_to_doubles(part + begin, sums + begin, end - begin);
    }
  });
}

void store_sums(const double* sums, const float* bias, float* dst, std::int64_t rows, std::int64_t columns,
                std::optional<float> accumulate) {
  const auto grain = std::max<std::int64_t>(1, elements_per_thread / std::max<std::int64_t>(columns, 1));
  parallel_for(rows, grain, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) {
        const auto place = i * columns + j;
        double sum = sums[place];
        if (bias != nullptr) sum += static_cast<double>(bias[j]);
        if (accumulate) sum += static_cast<double>(*accumulate) * static_cast<double>(dst[place]);
        dst[place] = static_cast<float>(sum);
      }
    }
  });
}

}  // namespace keel
