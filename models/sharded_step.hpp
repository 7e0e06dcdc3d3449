#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <exception>
#include <span>
#include <utility>
#include <vector>

#include "keel/models/model_watch.hpp"
#include "keel/models/update.hpp"
#include "keel/models/value_and_grad.hpp"
#include "keel/runtime/communicator.hpp"

namespace keel {

struct ShardedStepOptions {
  std::int64_t shards = 1;  ///< a power of two that the number of ranks divides
  Communicator ranks = {};
};

namespace detail {

/// A copy of the rows from `begin` to `end`.
Tensor rows_of(const Tensor& tensor, std::int64_t begin, std::int64_t end);

/// What shards come to together: their gradients, losses and running statistics, added up by one binary tree over
/// the shards however these are dealt out to ranks.
class ShardSums {
 public:
  ShardSums(const ShardedStepOptions& options, const SourceLocation& where);

  /// Takes up these parameters from now on. Throws Error for a state that is no random stream of dropout's.
  void follow(std::vector<NamedParameter> parameters);
  /// Begins a step of these inputs and targets, this rank's rows of the batch of all ranks. Throws ShapeError where they
  /// don't have as many rows each.
  void begin(std::span<const Tensor> batch);
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
  void share_out(std::int64_t own);
  [[nodiscard]] std::int64_t first_shard() const { return own_shards() * options_.ranks.rank(); }
  [[nodiscard]] std::vector<double> flattened(std::int64_t index, const LossAndGrads* result) const;
  void take_apart(const std::vector<double>& sums);

  ShardedStepOptions options_;
  SourceLocation where_;
  std::vector<NamedParameter> trained_;
  std::vector<Kept> statistics_;
  std::vector<Kept> streams_;
  std::int64_t all_rows_ = 0;
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
      : model_(&model),
        watch_(model),
        ranks_(options.ranks),
        sums_(options, where),
        gradients_(model, std::move(loss), Mode::training, where),
        update_(model, optimizer, where) {
    sums_.follow(parameters(model));
  }

  /// Trains on this rank's part of one batch, the model's inputs and then the loss's targets, which have as many rows
  /// each, and returns the loss of the whole batch. After an Error the model is as it was.
  template <std::same_as<Tensor>... Tensors>
  double operator()(const Tensor& first, const Tensors&... others) {
    try {
      if (watch_.changed()) sums_.follow(parameters(*model_));
      return train(first, others...);
    } catch (const std::exception& error) {
      ranks_.fail(error.what());
      throw;
    }
  }

 private:
  template <std::same_as<Tensor>... Tensors>
  double train(const Tensor& first, const Tensors&... others) {
    try {
      sums_.begin(std::array{first, others...});
      for (std::int64_t i = 0; i < sums_.own_shards(); ++i) {
        const auto [begin, end] = sums_.rows(i);
        sums_.begin_shard(i);
        if (begin == end) {
          sums_.add(i, nullptr);
          continue;
        }
        const auto result =
            gradients_(detail::rows_of(first, begin, end), detail::rows_of(others, begin, end)...);
        sums_.add(i, &result);
      }
      const auto& [loss, grads] = sums_.finish();
      update_(grads);
      return loss;
    } catch (...) {
      sums_.undo();
      throw;
    }
  }

  Model* model_;
  ModelWatch watch_;
  Communicator ranks_;
  detail::ShardSums sums_;
  ParameterGradients<Model, Loss> gradients_;
  Update<Model, Optimizer> update_;
};

}  // namespace keel
