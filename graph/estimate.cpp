#include "keel/graph/estimate.hpp"

namespace keel {

Crowding::Duration estimated_time(const Cost& cost) {
  constexpr double flops_per_microsecond = 100e3;
  constexpr double bytes_per_microsecond = 40e3;
  return Crowding::Duration{cost.flops / flops_per_microsecond + cost.bytes / bytes_per_microsecond};
}

bool is_worth_threads(const Cost& cost) {
  return estimated_time(cost) > Crowding::Duration{cost.flops > 0.0 ? 3.0 : 6.0};
}

}  // namespace keel
