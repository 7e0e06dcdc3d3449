#pragma once

#include <memory>
#include <vector>

#include "keel/tools/runs/study.hpp"

namespace keel::tools {

struct BatchStudySettings {
  std::vector<std::int64_t> batch_sizes = {32, 64, 128};
  /// Epochs, learning rate and momentum, and the batch size that the rate and the number of steps belong to.
  RunSettings base;
};

/// What the batch size does to training, plain and with batch norm. "Batch size" hides three questions, each
/// of which is a view: the same learning rate and epochs; a rate that grows with the batch; the same number
/// of steps.
std::unique_ptr<Study> batch_study(const BatchStudySettings& settings = {});

}  // namespace keel::tools
