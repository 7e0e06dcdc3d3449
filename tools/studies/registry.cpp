#include "keel/tools/studies/registry.hpp"

#include <algorithm>
#include <array>

#include "keel/tools/studies/all.hpp"
#include "keel/tools/studies/batch_study.hpp"

namespace keel::tools {

std::span<const std::unique_ptr<Study>> studies() {
  static const std::array all{
      convergence_study(), learning_rate_study(),  initialization_study(), depth_study(),
      activations_study(), regularization_study(), small_batch_study(),    statistics_study(),
      inference_study(),   recurrent_study(),      cost_study(),           signal_study(),
      normalizers_study(), discrepancy_study(),    ghost_study(),          weight_decay_study(),
      shift_study(),       landscape_study(),      sharpness_study()};
  return all;
}

const Study* find_study(std::string_view name) {
  for (const auto& study : studies())
    if (study->name() == name) return study.get();
  static const auto of_batch_sizes = batch_study();
  return name == of_batch_sizes->name() ? of_batch_sizes.get() : nullptr;
}

}  // namespace keel::tools
