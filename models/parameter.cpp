#include "keel/models/parameter.hpp"

#include <cmath>

namespace keel {

Initializer Initializer::fan_in(std::int64_t fan_in) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
  return {-bound, bound};
}

}  // namespace keel
