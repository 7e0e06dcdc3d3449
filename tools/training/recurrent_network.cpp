#include "keel/tools/training/recurrent_network.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/ops/arithmetic.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/slice.hpp"
#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

bool has_recurrent_batch_norm(const RecurrentOptions& options) {
  return options.model == "bn-shared" || options.model == "bn-per-step";
}

Var normalized_by(std::span<const BatchNorm> norms, std::size_t step, const Var& src) {
  return norms[std::min(step, norms.size() - 1)](src);
}

void fix_beta(BatchNorm& norm) {
  norm.visit([](std::string_view name, Parameter& parameter) {
    if (name == "beta") parameter.set_frozen(true);
  });
}

}  // namespace

RecurrentNetwork::RecurrentNetwork(const RecurrentOptions& options)
    : options_(options),
      input_(options.crop.columns, options.state, {.bias = !has_recurrent_batch_norm(options)}),
      hidden_(options.state, options.state, {.bias = false}),
      output_(options.state, options.classes) {
  if (options.model == "bn-shared") add_batch_norms(1, 1);
  if (options.model == "bn-per-step") add_batch_norms(options.crop.rows, options.crop.rows - 1);
  if (options.model == "ln") layer_norms_.emplace_back(options.state);
  if (input_norms_.empty() && layer_norms_.empty() && options.model != "plain")
    throw Error{fmt::format("there is no recurrent network '{}'", options.model)};
}

void RecurrentNetwork::add_batch_norms(std::int64_t of_rows, std::int64_t of_states) {
  const BatchNormOptions batch_norm{.gamma = recurrent_gamma};
  for (std::int64_t i = 0; i < of_rows; ++i) input_norms_.emplace_back(options_.state, batch_norm);
  for (std::int64_t i = 0; i < of_states; ++i) {
    hidden_norms_.emplace_back(options_.state, batch_norm);
    fix_beta(hidden_norms_.back());
  }
}

Var RecurrentNetwork::operator()(const Var& images) const {
  const auto& [top, left, rows, columns] = options_.crop;
  const Var pixels = slice(reshape(images, {-1, options_.height, options_.width}), 2, left, left + columns);
  Var state;
  for (std::int64_t i = 0; i < rows; ++i) {
    const Var row = reshape(slice(pixels, 1, top + i, top + i + 1), {-1, columns});
    state = tanh(before_tanh(static_cast<std::size_t>(i), row, state));
  }
  return output_(state);
}

Var RecurrentNetwork::before_tanh(std::size_t step, const Var& row, const Var& state) const {
  const Var of_row = input_norms_.empty() ? input_(row) : normalized_by(input_norms_, step, input_(row));
  Var sum = of_row;
  if (state.defined()) {
    const Var product = hidden_(state);
    sum = of_row + (hidden_norms_.empty() ? product : normalized_by(hidden_norms_, step - 1, product));
  }
  return layer_norms_.empty() ? sum : layer_norms_[0](sum);
}

}  // namespace keel::tools
