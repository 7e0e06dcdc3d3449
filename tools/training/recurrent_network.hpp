#pragma once

#include <string>
#include <vector>

#include "keel/models/batch_norm.hpp"
#include "keel/models/layer_norm.hpp"
#include "keel/models/linear.hpp"
#include "keel/tools/data/crop.hpp"

namespace keel::tools {

struct RecurrentOptions {
  std::int64_t height = 28;  ///< of an image
  std::int64_t width = 28;
  Crop crop = {.rows = 28, .columns = 28};  ///< what is read of it, a row a step
  std::int64_t state = 100;                 ///< units
  std::int64_t classes = 10;
  /// "plain", "bn-shared" (one set of statistics for all steps), "bn-per-step" (one for each step) or "ln".
  std::string model = "plain";
};

/// What gamma of its batch norms starts from, by Cooijmans et al. 2016: with 1, tanh saturates and gradients
/// vanish.
inline constexpr double recurrent_gamma = 0.1;

/// A tanh network that reads an image row by row, then linear to the logits. The state is
///
///   tanh(input(row) + hidden(state))
///   tanh(norm(input(row) + hidden(state)))              with layer norm
///   tanh(norm(input(row)) + other norm(hidden(state)))  with batch norm
///
/// and at the first step what the row alone gives. The batch norm of the hidden product has no beta, since
/// the other's does the same.
class RecurrentNetwork {
 public:
  /// Throws Error for another model.
  explicit RecurrentNetwork(const RecurrentOptions& options);

  /// images (N, height * width) to logits (N, classes).
  Var operator()(const Var& images) const;

  void visit(auto&& each) {
    each("input", input_), each("hidden", hidden_), each("output", output_);
    for (std::size_t i = 0; i < input_norms_.size(); ++i)
      each("input_bn" + std::to_string(i + 1), input_norms_[i]);
    for (std::size_t i = 0; i < hidden_norms_.size(); ++i)
      each("hidden_bn" + std::to_string(i + 1), hidden_norms_[i]);
    for (auto& norm : layer_norms_) each("ln", norm);
  }

 private:
  void add_batch_norms(std::int64_t of_rows, std::int64_t of_states);
  [[nodiscard]] Var before_tanh(std::size_t step, const Var& row, const Var& state) const;

  RecurrentOptions options_;
  Linear input_;
  Linear hidden_;
  Linear output_;
  std::vector<BatchNorm> input_norms_;   // of all steps, or by step
  std::vector<BatchNorm> hidden_norms_;  // the same from the second step on
  std::vector<LayerNorm> layer_norms_;
};

}  // namespace keel::tools
