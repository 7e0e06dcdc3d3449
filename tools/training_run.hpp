#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "keel/tools/image_set.hpp"

namespace keel::tools {

/// Everything that a run's numbers depend on, besides the data.
struct RunSettings {
  std::string model = "plain";  ///< "plain" or "bn"
  std::vector<std::int64_t> hidden = {128};
  int epochs = 5;
  std::int64_t batch_size = 64;
  double learning_rate = 0.01;
  double momentum = 0.9;
  std::uint64_t seed = 1;  ///< of the split, the weights and the order of samples
  std::int64_t limit = 0;  ///< training images to use; 0 for all
};

/// Mean loss in nats and share of images classified correctly.
struct Evaluation {
  double loss = 0.0;
  double accuracy = 0.0;
};

struct EpochResult {
  int epoch = 0;            ///< from 1 on
  std::int64_t steps = 0;   ///< of this epoch
  double seconds = 0.0;     ///< of training alone
  double train_loss = 0.0;  ///< mean over the epoch's samples, each as of its own step
  Evaluation validation;
};

struct RunResult {
  RunSettings settings;
  std::int64_t parameters = 0;  ///< trained numbers
  bool diverged = false;  ///< the loss was not finite, or not below that of guessing, ln(classes), at the end
  std::string divergence;  ///< in words; empty if not diverged
  std::vector<EpochResult> epochs;
  std::optional<Evaluation> test;  ///< none if the loss was not finite
};

/// Trains a model, validates it after every epoch and tests it at the end, on the calling thread under its
/// thread limit. `after_epoch` hears of each epoch. Returns nothing when `stop` was requested before the end.
/// A run that diverges is a result, not an error.
std::optional<RunResult> train(const RunSettings& settings, const DataSet& data,
                               const std::function<void(const EpochResult&)>& after_epoch,
                               const std::stop_token& stop);

}  // namespace keel::tools
