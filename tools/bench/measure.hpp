#pragma once

#include <optional>

#include "keel/tools/bench/cases.hpp"

namespace keel::tools {

/// Medians of samples taken in turns, in microseconds a step, and medians of the paired ratios.
struct Measurement {
  double step_us;
  double floor_us;
  double ratio;  ///< step / floor
  std::optional<double> torch_us;
  std::optional<double> torch_ratio;  ///< step / libtorch's step
};

/// Measures a case under the calling thread's limit against its floor and, if asked, libtorch, which must
/// then have computed the same: throws Error when it has not, or when this program was built without
/// libtorch.
Measurement measure(const BenchCase& bench_case, int rounds, bool against_torch);

}  // namespace keel::tools
