#include "keel/tools/training/epoch_pass.hpp"

#include <algorithm>
#include <utility>

namespace keel::tools {

EpochPass::EpochPass(const ImageSet& set, std::vector<std::int32_t> images, std::int64_t batch_size)
    : images_(std::move(images)), batch_size_(batch_size), batch_(set, batch_size) {}

std::int64_t EpochPass::steps_per_epoch() const {
  return (images() + batch_size_ - 1) / batch_size_;
}

void EpochPass::begin(const Rng& rng, int epoch, const Place& place) {
  order_ = images_;
  rng.stream("order", static_cast<std::uint64_t>(epoch)).shuffle(std::span{order_});
  place_ = place;
}

double EpochPass::step(const Step& step) {
  const auto count = std::min(batch_size_, std::ssize(order_) - place_.seen);
  const auto batch =
      std::span{order_}.subspan(static_cast<std::size_t>(place_.seen), static_cast<std::size_t>(count));
  if (arrangement_) arrangement_(batch);
  const auto begin = count * part_ / parts_;
  const auto end = count * (part_ + 1) / parts_;
  batch_.gather(batch.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
  ++place_.steps;
  const double loss = step(batch_.images(), batch_.labels());
  place_.loss_sum += loss * static_cast<double>(count);
  place_.seen += count;
  return loss;
}

}  // namespace keel::tools
