#pragma once

#include <array>
#include <string>
#include <vector>

#include "keel/tools/runs/arms.hpp"

namespace keel::tools {

/// What is held fixed while the batch size changes.
enum class BatchView : std::uint8_t { same_rate, scaled_rate, same_steps };
inline constexpr std::array batch_views{BatchView::same_rate, BatchView::scaled_rate, BatchView::same_steps};
/// "the same rate and epochs", "a rate scaled with the batch", "the same number of steps".
std::string name_of(BatchView view);

/// The networks that each view trains.
inline constexpr std::array batch_models{"plain", "bn"};

/// The runs of a batch study by view, model and batch size. A batch size that was trained in one view alone
/// is the same in all.
class BatchRuns {
 public:
  explicit BatchRuns(std::span<const RunResult> runs);

  /// The batch sizes, from small to large.
  [[nodiscard]] const std::vector<std::int64_t>& sizes() const { return sizes_; }
  [[nodiscard]] std::vector<RunResult> of(BatchView view, const std::string& model, std::int64_t batch) const;
  [[nodiscard]] BySeed by_seed(BatchView view, const std::string& model, std::int64_t batch,
                               const RunValue& value) const;
  /// By seed, the mean of the final validation accuracy over all batch sizes.
  [[nodiscard]] BySeed mean_accuracy(BatchView view, const std::string& model) const;

 private:
  std::span<const RunResult> runs_;
  std::vector<std::int64_t> sizes_;
};

/// Final validation loss less the training loss of the last epoch.
double loss_gap(const RunResult& run);
/// Epochs to a target, parts of one included; NaN if it was never reached.
double epochs_to(const RunResult& run, double target);

}  // namespace keel::tools
