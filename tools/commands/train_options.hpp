#pragma once

#include <optional>
#include <string>

#include "keel/tools/commands/options.hpp"
#include "keel/tools/training/train_settings.hpp"

namespace keel::tools {

/// `keel train`, as it was asked for. What was not is decided by the other options and the data.
struct TrainOptions {
  CommonOptions common;  ///< `threads` are those inside the run
  std::string model = "plain";
  std::string norm;  ///< empty for the model's own
  std::string activation = "relu";
  double dropout = 0.0;
  std::string optimizer = "sgd";
  std::optional<double> learning_rate;  ///< none for the optimizer's own
  std::optional<double> momentum;       ///< of SGD alone
  std::optional<double> weight_decay;   ///< none for the optimizer's own
  std::string schedule = "constant";
  std::int64_t warm_up = 0;
  std::optional<double> clip;
  int patience = 0;
  std::string checkpoint_every = "1";
  int keep = 3;
  bool resume = false;
  std::int64_t shards = 0;  ///< 0 for none
};

/// The settings that the options and the data come to. Throws UsageError, saying what doesn't fit, where they
/// can't be had together, DataError for data that can't be trained on.
TrainSettings train_settings(const TrainOptions& options, const DataSet& data);

/// Throws UsageError where batches can't be dealt out to so many ranks, or their shards.
void require_parts(const TrainSettings& settings, const DataSet& data, int ranks);

/// When checkpoints are written besides at the end: after so many epochs, steps or seconds; the others are 0.
struct CheckpointInterval {
  std::int64_t epochs = 0;
  std::int64_t steps = 0;
  double seconds = 0.0;
};

/// Reads "2", "500steps" or "30s". Throws UsageError for other texts.
CheckpointInterval parse_interval(const std::string& text);

}  // namespace keel::tools
