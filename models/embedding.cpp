#include "keel/models/embedding.hpp"

#include "keel/ops/indexing.hpp"

namespace keel {

Embedding::Embedding(std::int64_t count, std::int64_t features)
    : weights_(Shape{count, features}, Initializer::normal(0.0, 1.0)) {}

Var Embedding::operator()(const Var& indices, const SourceLocation& where) const {
  return take(weights_.on(indices.tape(), "weights", where), indices, 0, where);
}

}  // namespace keel
