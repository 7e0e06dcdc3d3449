#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "keel/runtime/tensor.hpp"
#include "keel/tools/data/image_set.hpp"
#include "keel/tools/training/factors.hpp"

namespace keel::tools {

/// Everything that a run's numbers depend on, besides the data.
struct RunSettings {
  std::string study;            ///< whose run it is; empty for `keel compare`
  std::string model = "plain";  ///< "plain", "bn", or the study's arm
  Factors factors;              ///< what else the study varies
  std::vector<std::int64_t> hidden = {128};
  int epochs = 5;
  std::int64_t batch_size = 64;
  double learning_rate = 0.01;
  double momentum = 0.9;
  double weight_decay = 0.0;
  std::string optimizer = "sgd";  ///< or "adam"
  std::uint64_t seed = 1;         ///< of the split, the weights and the order of samples
  std::int64_t limit = 0;         ///< training images to use; 0 for all
  /// A run that helps to choose a learning rate, on a seed of its own, and is never judged.
  bool tuning = false;
  DType precision = DType::f32;  ///< of weights, statistics and arithmetic; or f64

  bool operator==(const RunSettings&) const = default;
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

/// What else a run measured, by name: a number, or a series of them. A name that ends in "_seconds" is a
/// time, which no two runs share.
using Measures = std::map<std::string, std::vector<double>>;

struct RunResult {
  RunSettings settings;
  std::int64_t parameters = 0;  ///< trained numbers
  bool diverged = false;        ///< the loss was not finite
  std::string divergence;       ///< in words; empty if not diverged
  std::string
      not_learned;    ///< in words, that the final loss is not below that of guessing, ln(classes); or empty
  std::string error;  ///< what the run threw; empty if it did not
  std::vector<EpochResult> epochs;
  std::optional<Evaluation> test;  ///< none if the loss was not finite
  Measures measures;
};

/// Whether a run came to anything: it did not diverge, and learned something.
inline bool has_learned(const RunResult& run) {
  return !run.diverged && run.not_learned.empty();
}

/// What a run is given besides its settings.
struct RunContext {
  const DataSet& data;
  std::stop_token stop;                                   ///< once requested, the run ends without a result
  std::function<void(const EpochResult&)> after_epoch{};  ///< hears of each epoch
  std::function<void(RunResult)> hand_in{};               ///< takes the results of `Job::prefixes`
  /// Keel itself, for runs that measure what differs from one start of it to the next: this process's program.
  std::filesystem::path program = "/proc/self/exe";
};

}  // namespace keel::tools
