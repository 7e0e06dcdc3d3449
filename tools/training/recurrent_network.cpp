#include "keel/tools/training/recurrent_network.hpp"

#include <fmt/format.h>

#include "keel/ops/arithmetic.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/slice.hpp"
#include "keel/runtime/error.hpp"

namespace keel::tools {

RecurrentNetwork::RecurrentNetwork(const RecurrentOptions& options)
    : options_(options),
      input_(options.columns, options.width),
      hidden_(options.width, options.width, {.bias = false}),
      output_(options.width, options.classes) {
  std::int64_t norms = 0;
  if (options.model == "bn-shared") norms = 1;
  if (options.model == "bn-per-step") norms = options.rows;
  for (std::int64_t i = 0; i < norms; ++i) batch_norms_.emplace_back(options.width);
  if (options.model == "ln") layer_norms_.emplace_back(options.width);
  if (batch_norms_.empty() && layer_norms_.empty() && options.model != "plain")
    throw Error{fmt::format("there is no recurrent network '{}'", options.model)};
}

Var RecurrentNetwork::operator()(const Var& images) const {
  const auto pixels = reshape(images, {-1, options_.rows, options_.columns});
  Var state;
  for (std::int64_t i = 0; i < options_.rows; ++i) {
    const auto row = reshape(slice(pixels, 1, i, i + 1), {-1, options_.columns});
    state = tanh(normalize(i, i == 0 ? input_(row) : input_(row) + hidden_(state)));
  }
  return output_(state);
}

Var RecurrentNetwork::normalize(std::int64_t step, const Var& src) const {
  if (!layer_norms_.empty()) return layer_norms_[0](src);
  if (batch_norms_.empty()) return src;
  return batch_norms_[batch_norms_.size() == 1 ? 0 : static_cast<std::size_t>(step)](src);
}

}  // namespace keel::tools
