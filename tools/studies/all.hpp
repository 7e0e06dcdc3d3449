#pragma once

#include <memory>

#include "keel/tools/runs/study.hpp"

namespace keel::tools {

// One file a study, of the function's name.

std::unique_ptr<Study> activations_study();
std::unique_ptr<Study> convergence_study();
std::unique_ptr<Study> cost_study();
std::unique_ptr<Study> depth_study();
std::unique_ptr<Study> discrepancy_study();
std::unique_ptr<Study> ghost_study();
std::unique_ptr<Study> inference_study();
std::unique_ptr<Study> initialization_study();
std::unique_ptr<Study> landscape_study();
std::unique_ptr<Study> learning_rate_study();
std::unique_ptr<Study> normalizers_study();
std::unique_ptr<Study> recurrent_study();
std::unique_ptr<Study> regularization_study();
std::unique_ptr<Study> sharpness_study();
std::unique_ptr<Study> shift_study();
std::unique_ptr<Study> signal_study();
std::unique_ptr<Study> small_batch_study();
std::unique_ptr<Study> statistics_study();
std::unique_ptr<Study> weight_decay_study();

}  // namespace keel::tools
