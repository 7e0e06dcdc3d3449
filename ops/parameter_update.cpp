#include "keel/ops/parameter_update.hpp"

#include <numeric>

#include "keel/runtime/error.hpp"

namespace keel {

void require_finite_update(bool finite) {
  if (finite) return;
  throw NonFiniteError{
      "a gradient or a parameter is not finite: the input was not, or the training diverged; the parameters "
      "are lost"};
}

std::vector<std::size_t> input_range(std::size_t begin, std::size_t end) {
  std::vector<std::size_t> result(end - begin);
  std::iota(result.begin(), result.end(), begin);
  return result;
}

}  // namespace keel
