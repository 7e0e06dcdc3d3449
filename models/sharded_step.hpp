#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "keel/models/update.hpp"
#include "keel/models/value_and_grad.hpp"
#include "keel/runtime/communicator.hpp"

namespace keel {

struct ShardedStepOptions {
  std::int64_t shards = 1;  ///< a power of two that the number of ranks divides
  Communicator ranks = {};
};

namespace detail {

/// What shards come to together: their gradients, losses and running statistics, added up by one binary tree over
/// the shards however these are dealt out to ranks.
class ShardSums {
 public:
  ShardSums(std::vector<NamedParameter> parameters, const ShardedStepOptions& options,
            const SourceLocation& where);

  /// The rows of the batch of all ranks, of which this rank has `own`.
  void begin(std::int64_t own);
  /// Where this rank's shard `index`, from 0, begins and ends among its rows.
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> rows(std::int64_t index) const;
  [[nodiscard]] std::int64_t own_shards() const { return options_.shards / options_.ranks.size(); }

  /// Puts statistics and random streams where shard `index` begins: as all ranks had them before the step.
  void begin_shard(std::int64_t index);
  /// Adds what a shard came to; nothing for one without rows.
  void add(std::int64_t index, const LossAndGrads* result);
  /// Adds up over the ranks, leaves statistics and streams as they are after the step, and returns loss and gradients
  /// of the whole batch. The tensors' memory is overwritten by the next step.
  const LossAndGrads& finish();
  /// Puts everything back to how it was before the step.
  void undo();

 private:
  struct Kept {
    Parameter* parameter;
    Tensor before;
  };
  [[nodiscard]] std::int64_t first_shard() const { return own_shards() * options_.ranks.rank(); }
  [[nodiscard]] std::vector<double> flattened(std::int64_t index, const LossAndGrads* result) const;
  void take_apart(const std::vector<double>& sums);

  ShardedStepOptions options_;
  std::vector<NamedParameter> trained_;
  std::vector<Kept> statistics_;
  std::vector<Kept> streams_;
  std::int64_t all_rows_ = 0;
  std::int64_t own_rows_ = 0;
  std::vector<std::pair<std::int64_t, std::vector<double>>> sums_;  // of so many shards each, a power of two
  LossAndGrads result_{};
};

}  // namespace detail

/// A training step whose result is the same, bit for bit, for any number of ranks: the batch is cut into `shards`,
/// each of which is computed by itself, and the shards' gradients are added up by a fixed tree. Over R ranks each
/// gives its part of the batch: of B rows in all, rank r those from B r / R on, rounded down. Ranks must have as many
/// threads each.
///
/// For a loss that is a mean over rows it is the step of the whole batch. Batch norm normalizes each shard by its own
/// statistics, the running ones follow the mean of the shards', and dropout draws masks for each shard. It costs more
/// than a TrainingStep over ranks, which is the one to take where bits may depend on the number of ranks. Model,
/// optimizer and loss are as there.
template <class Model, class Optimizer, class Loss>
class ShardedStep {
 public:
  /// Throws Error where ranks and shards don't fit together.
  ShardedStep(Model& model, Optimizer& optimizer, Loss loss, const ShardedStepOptions& options,
              const SourceLocation& where = SourceLocation::current())
      : ranks_(options.ranks),
        sums_(parameters(model), options, where),
        gradients_(model, std::move(loss), Mode::training, where),
        update_(model, optimizer, where) {}

  /// Trains on this rank's part of one batch, the model's inputs and then the loss's targets, and returns the loss of
  /// the whole batch. After an Error the model is as it was.
  template <std::same_as<Tensor>... Tensors>
  double operator()(const Tensor& first, const Tensors&... others) {
    try {
      sums_.begin(first.shape().rank() == 0 ? 1 : first.shape()[0]);
      for (std::int64_t i = 0; i < sums_.own_shards(); ++i) {
        const auto [begin, end] = sums_.rows(i);
        sums_.begin_shard(i);
        if (begin == end) {
          sums_.add(i, nullptr);
          continue;
        }
        const auto result = gradients_(rows_of(first, begin, end), rows_of(others, begin, end)...);
        sums_.add(i, &result);
      }
      const auto& [loss, grads] = sums_.finish();
      update_(grads);
      return loss;
    } catch (const std::exception& error) {
      sums_.undo();
      ranks_.fail(error.what());
      throw;
    }
  }

 private:
  static Tensor rows_of(const Tensor& tensor, std::int64_t begin, std::int64_t end) {
    std::vector<std::int64_t> extents(tensor.shape().extents().begin(), tensor.shape().extents().end());
    const auto row = tensor.type().bytes() / static_cast<std::size_t>(extents[0]);
    extents[0] = end - begin;
    Tensor part{Shape{extents}, tensor.dtype()};
    std::copy_n(tensor.bytes() + static_cast<std::size_t>(begin) * row, part.type().bytes(), part.bytes());
    return part;
  }

  Communicator ranks_;
  detail::ShardSums sums_;
  ParameterGradients<Model, Loss> gradients_;
  Update<Model, Optimizer> update_;
};

}  // namespace keel
