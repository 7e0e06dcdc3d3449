#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "keel/tools/data/batches.hpp"

namespace keel::tools {

/// Passes over training images, one an epoch, each in an order of its own, batch by batch.
class EpochPass {
 public:
  /// Trains on a batch and returns its loss.
  using Step = std::function<double(const Tensor& images, const Tensor& labels)>;

  /// Puts the images of a batch, by their numbers, into another order before it is gathered.
  using Arrangement = std::function<void(std::span<std::int32_t> batch)>;

  /// How far a pass is.
  struct Place {
    std::int64_t steps = 0;
    std::int64_t seen = 0;  ///< images
    double loss_sum = 0.0;  ///< over these, each as of its own step
  };

  /// Over the images of `set` that `images` name; `set` must outlive it.
  EpochPass(const ImageSet& set, std::vector<std::int32_t> images, std::int64_t batch_size);

  /// Begins the pass of an epoch, counted from 1, or goes on with it at `place`. Its order is drawn from a
  /// stream of its own.
  void begin(const Rng& rng, int epoch, const Place& place);
  void begin(const Rng& rng, int epoch) { begin(rng, epoch, {}); }
  /// Of `parts` equal parts of each batch only the one of that index, from 0, is gathered, which may be without images;
  /// places and losses stay those of whole batches.
  void set_part(int index, int parts) { part_ = index, parts_ = parts; }
  /// Of all batches from now on.
  void set_arrangement(Arrangement arrangement) { arrangement_ = std::move(arrangement); }
  [[nodiscard]] bool done() const { return place_.seen == std::ssize(order_); }
  /// Takes the next batch, and returns its loss.
  double step(const Step& step);

  [[nodiscard]] const Place& place() const { return place_; }
  /// The mean over the images seen so far.
  [[nodiscard]] double loss() const { return place_.loss_sum / static_cast<double>(place_.seen); }
  /// The batch of the last step.
  [[nodiscard]] const BatchGatherer& batch() const { return batch_; }
  [[nodiscard]] std::int64_t images() const { return std::ssize(images_); }
  [[nodiscard]] std::int64_t steps_per_epoch() const;

 private:
  std::vector<std::int32_t> images_;
  std::vector<std::int32_t> order_;
  std::int64_t batch_size_;
  std::int64_t part_ = 0;
  std::int64_t parts_ = 1;
  BatchGatherer batch_;
  Arrangement arrangement_;
  Place place_;
};

}  // namespace keel::tools
