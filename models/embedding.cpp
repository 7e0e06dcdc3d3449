#include "keel/models/embedding.hpp"

#include <fmt/format.h>

#include "keel/ops/comparison.hpp"
#include "keel/ops/indexing.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

Initializer start_of(const Shape& weights, std::optional<std::int64_t> padding) {
  const auto start = Initializer::normal(0.0, 1.0);
  if (!padding) return start;
  const auto count = weights[0];
  const auto features = weights[1];
  if (*padding >= 0 && *padding < count)
    return start.with_zeros(*padding * features, (*padding + 1) * features);
  throw Error{fmt::format("the padding_index of an Embedding of {} must be from 0 to {}, not {}",
                          counted(count, "vector"), count - 1, *padding)};
}

}  // namespace

Embedding::Embedding(std::int64_t count, std::int64_t features, const EmbeddingOptions& options)
    : options_(options),
      weights_(Shape{count, features}, start_of(Shape{count, features}, options.padding_index)) {}

Var Embedding::operator()(const Var& indices, const SourceLocation& where) const {
  Var found = take(weights_.on(indices.tape(), "weights", where), indices, 0, where);
  if (!options_.padding_index) return found;
  const Var is_known = not_equal(indices, static_cast<double>(*options_.padding_index), where);
  return keel::where(expand_dims(is_known, -1, where), found, 0.0, where);
}

}  // namespace keel
