#pragma once

#include <string>
#include <vector>

#include "keel/models/batch_norm.hpp"
#include "keel/models/layer_norm.hpp"
#include "keel/models/linear.hpp"

namespace keel::tools {

struct RecurrentOptions {
  std::int64_t rows = 28;     ///< of an image: steps
  std::int64_t columns = 28;  ///< what each step reads
  std::int64_t width = 100;   ///< of the state
  std::int64_t classes = 10;
  /// "plain", "bn-shared" (one batch norm, and one set of statistics, for all steps), "bn-per-step" (one for
  /// each) or "ln".
  std::string model = "plain";
};

/// A tanh network that reads an image row by row: state = tanh(norm(input(row) + hidden(state))), then linear
/// to the logits.
class RecurrentNetwork {
 public:
  /// Throws Error for another model.
  explicit RecurrentNetwork(const RecurrentOptions& options);

  /// images (N, rows * columns) to logits (N, classes).
  Var operator()(const Var& images) const;

  void visit(auto&& each) {
    each("input", input_), each("hidden", hidden_), each("output", output_);
    for (std::size_t i = 0; i < batch_norms_.size(); ++i) each("bn" + std::to_string(i + 1), batch_norms_[i]);
    for (auto& norm : layer_norms_) each("ln", norm);
  }

 private:
  [[nodiscard]] Var normalize(std::int64_t step, const Var& src) const;

  RecurrentOptions options_;
  Linear input_;
  Linear hidden_;
  Linear output_;
  std::vector<BatchNorm> batch_norms_;
  std::vector<LayerNorm> layer_norms_;
};

}  // namespace keel::tools
