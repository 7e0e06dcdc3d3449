#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keel/models/sharded_step.hpp"
#include "keel/models/training_state.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/tools/training/epoch_pass.hpp"
#include "keel/tools/training/evaluator.hpp"
#include "keel/tools/training/network_label.hpp"
#include "keel/tools/training/train_settings.hpp"

namespace keel::tools {

/// An epoch of a `keel train`.
struct TrainedEpoch {
  EpochResult result;
  double learning_rate = 0.0;  ///< of its last step
};

/// A training that can be saved between any two steps, and gone on with, bit for bit, in another process.
class Trainer {
 public:
  /// `data` must outlive it. Of several `ranks`, all with the same settings and data, each trains on its part of every
  /// batch and evaluates its part of the images; all come to the same network. Throws Error where the settings don't fit
  /// together.
  Trainer(const TrainSettings& settings, const DataSet& data, Communicator ranks = {});

  /// Whether nothing is left to train: all epochs are done, no better one came for too long, or it diverged.
  [[nodiscard]] bool finished() const;
  /// Trains on one batch. An epoch that is whole with it is validated.
  void step();
  /// Whether the last step ended an epoch.
  [[nodiscard]] bool at_epoch_end() const { return at_epoch_end_; }
  /// Whether that epoch's validation loss is the lowest so far.
  [[nodiscard]] bool at_best() const { return at_epoch_end_ && epochs_without_best_ == 0; }
  /// Whether it ended before its last epoch, since no better one came for `patience` epochs.
  [[nodiscard]] bool out_of_patience() const;
  /// What was not finite; empty if nothing was.
  [[nodiscard]] const std::string& divergence() const { return divergence_; }

  [[nodiscard]] const std::vector<TrainedEpoch>& epochs() const { return epochs_; }
  /// The epoch of the lowest validation loss; 0 before the first.
  [[nodiscard]] int best_epoch() const { return static_cast<int>(best_epoch_); }
  [[nodiscard]] std::int64_t steps() const { return steps_; }
  [[nodiscard]] std::int64_t steps_per_epoch() const { return pass_.steps_per_epoch(); }
  [[nodiscard]] std::int64_t steps_in_all() const { return steps_per_epoch() * settings_.epochs; }
  /// The mean loss of the epoch that is under way.
  [[nodiscard]] double loss() const { return pass_.loss(); }
  [[nodiscard]] std::int64_t parameters() const;
  /// Loss and accuracy on the test images.
  Evaluation test() { return evaluate_(data_.test); }

  /// Writes the network with its label, whole or not at all.
  void save_network(const std::filesystem::path& path);
  /// Writes all that the training goes on from.
  void save(const std::filesystem::path& path);
  /// Reads it back. Throws Error, with a sentence about the file, when it is damaged, of another network,
  /// other settings or other data, or none; a second call may then try another file.
  void load(const std::filesystem::path& path);

 private:
  double try_step(const Tensor& images, const Tensor& labels);
  void begin_epoch();
  void end_epoch();
  [[nodiscard]] TrainingState state();
  [[nodiscard]] std::map<std::string, std::string> texts() const;
  [[nodiscard]] bool place_makes_sense() const;

  TrainSettings settings_;
  const DataSet& data_;
  Communicator ranks_;
  NetworkLabel label_;
  Rng rng_;
  Split split_;
  Network network_;
  ChosenOptimizer optimizer_;
  TrainingStep<Network, ChosenOptimizer, decltype(&cross_entropy)> step_;
  std::optional<ShardedStep<Network, ChosenOptimizer, decltype(&cross_entropy)>> sharded_step_;
  Evaluator evaluate_;
  EpochPass pass_;
  Schedule schedule_;

  std::int64_t steps_ = 0;
  std::int64_t epoch_ = 1;  // under way
  EpochPass::Place place_;  // in it, to be saved and loaded
  double seconds_ = 0.0;    // of it
  double best_loss_;
  std::int64_t best_epoch_ = 0;
  std::int64_t epochs_without_best_ = 0;
  std::vector<TrainedEpoch> epochs_;
  bool at_epoch_end_ = false;
  std::string divergence_;
};

}  // namespace keel::tools
