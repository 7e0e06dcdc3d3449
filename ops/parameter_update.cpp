#include "keel/ops/parameter_update.hpp"

#include <fmt/format.h>

#include <numeric>

#include "keel/runtime/error.hpp"

namespace keel {

void require_finite_inputs(const Magnitudes& grads, double learning_rate, double most) {
  if (std::abs(learning_rate) > most) {
    throw NonFiniteError{fmt::format(
        "the learning rate, {:.3g}, is beyond {:.3g}, the largest number of the parameters' element "
        "type: choose a smaller one; the parameters are lost",
        learning_rate, most)};
  }
  if (grads.all_finite) return;
  throw NonFiniteError{
      "a gradient is not finite: the input was not, or the training diverged; the parameters are lost"};
}

std::vector<std::size_t> input_range(std::size_t begin, std::size_t end) {
  std::vector<std::size_t> result(end - begin);
  std::iota(result.begin(), result.end(), begin);
  return result;
}

}  // namespace keel
