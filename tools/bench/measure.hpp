#pragma once

#include <optional>

#include "keel/tools/bench/cases.hpp"

namespace keel::tools {

/// Ratios of samples that were taken in the same round: their median, and the range of their middle 80 %.
struct PairedRatio {
  double middle;
  double low;
  double high;
};

/// Medians of samples taken in turns, in microseconds a step, and the paired ratios.
struct Measurement {
  double step_us;
  double floor_us;
  PairedRatio ratio;  ///< step / floor
  std::optional<double> torch_us;
  std::optional<PairedRatio> torch_ratio;  ///< step / libtorch's step
};

/// Measures a case under the calling thread's limit against its floor and, if asked, libtorch, which must
/// then have computed the same: throws Error when it has not, or when this program was built without
/// libtorch.
Measurement measure(const BenchCase& bench_case, int rounds, bool against_torch);

}  // namespace keel::tools
