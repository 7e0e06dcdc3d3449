#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "keel/runtime/rng.hpp"
#include "keel/runtime/tensor.hpp"
#include "keel/tools/data/image_set.hpp"

namespace keel::tools {

/// Which images of the training set a run trains on, and which it validates on.
struct Split {
  std::vector<std::int32_t> training;
  std::vector<std::int32_t> validation;
};

/// How many images a run trains on, and how many it validates on.
struct SplitSizes {
  std::int64_t training = 0;
  std::int64_t validation = 0;
};

/// Of `count` images four fifths are for training, of which only the first `limit` are used if it is
/// positive.
SplitSizes split_sizes(std::int64_t count, std::int64_t limit);

/// Splits `count` images at random into parts of these sizes.
Split split(std::int64_t count, std::int64_t limit, const Rng& rng);

/// Whether so many images, in batches of `batch_size`, leave a last batch of one: batch norm can't train on it.
bool leaves_a_last_one(std::int64_t count, std::int64_t batch_size);
/// How many of `count` images are trained on: a last batch of one is left out, unless it is the only one.
std::int64_t without_a_last_one(std::int64_t count, std::int64_t batch_size);

/// The numbers of all images of a set.
std::vector<std::int32_t> all_of(const ImageSet& set);

/// What a network is given for a byte: pixel_scale * byte + pixel_shift.
inline constexpr float pixel_scale = 2.0F / 255.0F;
inline constexpr float pixel_shift = -1.0F;

/// Gathers images from bytes into batches for a network. A pixel becomes (x / 255 - 0.5) / 0.5, in [-1, 1].
class BatchGatherer {
 public:
  /// For batches of up to `batch_size` of the images of `set`, which must outlive the gatherer.
  BatchGatherer(const ImageSet& set, std::int64_t batch_size);

  /// Fills the batch with the images named by `indices`, at most `batch_size` of them.
  void gather(std::span<const std::int32_t> indices);

  /// (N, height * width) f32 and (N) s32, as of the last `gather`; the same memory every time.
  [[nodiscard]] const Tensor& images() const { return images_; }
  [[nodiscard]] const Tensor& labels() const { return labels_; }

 private:
  const ImageSet& set_;
  std::shared_ptr<Buffer> image_buffer_;
  std::shared_ptr<Buffer> label_buffer_;
  Tensor images_;
  Tensor labels_;
};

/// Hands the images that `indices` name to `consume`, in order and in batches of up to 1,000, in memory that is
/// the same every time: a `BatchSource` of models/population_statistics.hpp.
void hand_out(const ImageSet& set, std::span<const std::int32_t> indices,
              const std::function<void(const Tensor& images)>& consume);

}  // namespace keel::tools
