#include "keel/tools/data/batches.hpp"

#include <algorithm>
#include <numeric>

#include "keel/runtime/scale_bytes.hpp"

namespace keel::tools {
namespace {

// Images are read in random order from far more memory than caches hold: asked for while those before them
// are converted, they cost half.
constexpr std::size_t images_ahead = 2;

void prefetch(std::span<const std::uint8_t> image) {
  constexpr std::size_t line = 64;
  for (std::size_t i = 0; i < image.size(); i += line) __builtin_prefetch(&image[i]);
}

}  // namespace

SplitSizes split_sizes(std::int64_t count, std::int64_t limit) {
  const auto training = count * 4 / 5;
  return {limit > 0 ? std::min(training, limit) : training, count - training};
}

Split split(std::int64_t count, std::int64_t limit, const Rng& rng) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  Rng stream = rng.stream("split");
  stream.shuffle(std::span{order});
  const auto training = order.begin() + split_sizes(count, 0).training;
  Split result{{order.begin(), training}, {training, order.end()}};
  if (limit > 0 && limit < std::ssize(result.training))
    result.training.resize(static_cast<std::size_t>(limit));
  return result;
}

bool leaves_a_last_one(std::int64_t count, std::int64_t batch_size) {
  return count % batch_size == 1;
}

std::int64_t without_a_last_one(std::int64_t count, std::int64_t batch_size) {
  return count > 1 && leaves_a_last_one(count, batch_size) ? count - 1 : count;
}

std::vector<std::int32_t> all_of(const ImageSet& set) {
  std::vector<std::int32_t> indices(static_cast<std::size_t>(set.size()));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

BatchGatherer::BatchGatherer(const ImageSet& set, std::int64_t batch_size)
    : set_(set),
      image_buffer_(std::make_shared<Buffer>(static_cast<std::size_t>(batch_size * set.height * set.width) *
                                             sizeof(float))),
      label_buffer_(std::make_shared<Buffer>(static_cast<std::size_t>(batch_size) * sizeof(std::int32_t))) {}

void BatchGatherer::gather(std::span<const std::int32_t> indices) {
  const auto count = static_cast<std::int64_t>(indices.size());
  const auto pixels = set_.height * set_.width;
  if (!images_.defined() || images_.shape()[0] != count) {
    images_ = Tensor{image_buffer_, 0, {Shape{count, pixels}, DType::f32}};
    labels_ = Tensor{label_buffer_, 0, {Shape{count}, DType::s32}};
  }
  float* dst = images_.data<float>().data();
  std::int32_t* label = labels_.data<std::int32_t>().data();
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (i + images_ahead < indices.size()) prefetch(set_.image(indices[i + images_ahead]));
    scale_bytes(set_.image(indices[i]).data(), dst, pixels, pixel_scale, pixel_shift);
    dst += pixels;
    *label++ = set_.labels[static_cast<std::size_t>(indices[i])];
  }
}

void hand_out(const ImageSet& set, std::span<const std::int32_t> indices,
              const std::function<void(const Tensor& images)>& consume) {
  constexpr std::size_t size = 1000;
  BatchGatherer batch{set, static_cast<std::int64_t>(std::min(size, indices.size()))};
  for (std::size_t begin = 0; begin < indices.size(); begin += size) {
    batch.gather(indices.subspan(begin, std::min(size, indices.size() - begin)));
    consume(batch.images());
  }
}

}  // namespace keel::tools
