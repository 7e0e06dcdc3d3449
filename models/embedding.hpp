#pragma once

#include <cstdint>
#include <optional>

#include "keel/graph/tape.hpp"
#include "keel/models/parameter.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

struct EmbeddingOptions {
  std::optional<std::int64_t> padding_index =
      std::nullopt;  ///< whose vector is zero, in the weights as well, and is not trained
};

/// A table of `count` vectors of `features` numbers, looked up by their numbers: indices of s32 and any shape, such
/// as (N, L), to vectors (N, L, features). The vectors start standard normal, as in PyTorch. An index that is not
/// from 0 to count - 1 throws Error when the model runs: see `take`.
class Embedding {
 public:
  /// Throws Error when the padding index is not from 0 to count - 1.
  Embedding(std::int64_t count, std::int64_t features, const EmbeddingOptions& options = {});

  Var operator()(const Var& indices, const SourceLocation& where = SourceLocation::current()) const;

  void visit(auto&& each) { each("weights", weights_); }
  void visit_settings(auto&& each) const {
    each("padding_index",
         options_.padding_index ? std::optional{static_cast<double>(*options_.padding_index)} : std::nullopt);
  }

 private:
  EmbeddingOptions options_;
  Parameter weights_;
};

}  // namespace keel
