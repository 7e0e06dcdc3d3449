#include "keel/models/embedding.hpp"

#include "keel/ops/comparison.hpp"
#include "keel/ops/indexing.hpp"
#include "keel/ops/reshape.hpp"

namespace keel {

Embedding::Embedding(std::int64_t count, std::int64_t features, const EmbeddingOptions& options)
    : options_(options), weights_(Shape{count, features}, Initializer::normal(0.0, 1.0)) {}

Var Embedding::operator()(const Var& indices, const SourceLocation& where) const {
  Var found = take(weights_.on(indices.tape(), "weights", where), indices, 0, where);
  if (!options_.padding_index) return found;
  const Var is_known = not_equal(indices, static_cast<double>(*options_.padding_index), where);
  return keel::where(expand_dims(is_known, -1, where), found, 0.0, where);
}

}  // namespace keel
