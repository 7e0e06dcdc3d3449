#include "keel/ops/channel_tiles.hpp"

#include <cstddef>
#include <numeric>

#include "keel/ops/axes.hpp"

namespace keel {
namespace {

// Elements of a row that fill whole vectors of every width.
constexpr std::int64_t whole_vectors = 32;
// From this many channels on, the unused end of a row's last vector does not matter.
constexpr std::int64_t many_channels = 256;
// What a tile works on stays in the first-level cache: its sums, and its rows if they are read again.
constexpr std::int64_t most_columns_a_tile = 512;
constexpr std::int64_t elements_a_tile = 1 << 14;

std::int64_t ceil_of(std::int64_t count, std::int64_t size) {
  return (count + size - 1) / size;
}

std::int64_t pixels_a_row(std::int64_t channels) {
  return channels >= many_channels ? 1 : whole_vectors / std::gcd(channels, whole_vectors);
}

}  // namespace

ChannelTiles::ChannelTiles(const Shape& shape, MemoryFormat format)
    : samples_(shape[0]),
      channels_(shape[1]),
      pixels_(elements_between(shape, 2, shape.rank())),
      planes_(pixels_ > 1 && format == MemoryFormat::row_major),
      width_(planes_ ? whole_vectors : pixels_a_row(channels_) * channels_) {
  if (planes_) {
    groups_ = channels_;
    partials_ = channels_ * width_;
    channel_of_column_.resize(static_cast<std::size_t>(partials_));
    for (std::size_t j = 0; j < channel_of_column_.size(); ++j)
      channel_of_column_[j] = static_cast<std::int32_t>(j / whole_vectors);
    return;
  }
  const auto elements = samples_ * pixels_ * channels_;
  whole_rows_ = elements / width_;
  left_over_ = elements % width_;
  columns_a_tile_ = std::min(width_, most_columns_a_tile);
  rows_a_tile_ = std::max<std::int64_t>(1, elements_a_tile / columns_a_tile_);
  tiles_across_ = ceil_of(width_, columns_a_tile_);
  const auto tiles_down = ceil_of(whole_rows_, rows_a_tile_);
  groups_ = tiles_down * tiles_across_ + ceil_of(left_over_, columns_a_tile_);
  partials_ = tiles_down * width_ + left_over_;
  channel_of_column_.resize(static_cast<std::size_t>(width_));
  for (std::size_t j = 0; j < channel_of_column_.size(); ++j)
    channel_of_column_[j] = static_cast<std::int32_t>(static_cast<std::int64_t>(j) % channels_);
}

// Across, then down; what is left over comes last, as a row that is not whole.
ChannelTile ChannelTiles::tile_of_rows(std::int64_t index) const {
  const auto down = index / tiles_across_;
  const auto column = index % tiles_across_ * columns_a_tile_;
  const auto first = down * rows_a_tile_;
  const bool is_whole = first < whole_rows_;
  const auto width = is_whole ? width_ : left_over_;
  const auto begin = is_whole ? first * width_ : whole_rows_ * width_;
  return {.offset = begin + column,
          .column = column,
          .partial = down * width_ + column,
          .rows = {.count = is_whole ? std::min(rows_a_tile_, whole_rows_ - first) : 1,
                   .width = std::min(columns_a_tile_, width - column),
                   .stride = width_}};
}

void ChannelTiles::spread(const double* per_channel, float* per_column) const {
  for (std::int64_t j = 0; j < columns(); ++j)
    per_column[j] = static_cast<float>(per_channel[channel_of_column_[static_cast<std::size_t>(j)]]);
}

void ChannelTiles::spread_center(const double* mean, float* per_column, float* rest) const {
  for (std::int64_t j = 0; j < columns(); ++j) {
    const double exact = mean[channel_of_column_[static_cast<std::size_t>(j)]];
    per_column[j] = static_cast<float>(exact);
    rest[j] = static_cast<float>(exact - static_cast<double>(per_column[j]));
  }
}

void ChannelTiles::total(const double* partial, double* totals) const {
  std::fill_n(totals, channels_, 0.0);
  for (std::int64_t begin = 0; begin < partials_; begin += columns()) {
    const auto count = std::min(columns(), partials_ - begin);
    for (std::int64_t j = 0; j < count; ++j)
      totals[channel_of_column_[static_cast<std::size_t>(j)]] += partial[begin + j];
  }
}

void ChannelTiles::sum(const float* src, double scale, double* scratch, float* dst) const {
  double* totals = scratch + partials_;
  std::fill_n(scratch, partials_, 0.0);
  for_each([&](const ChannelTile& tile) {
    loops::add_rows(src + tile.offset, tile.rows, scratch + tile.partial);
  });
  total(scratch, totals);
  std::transform(totals, totals + channels_, dst,
                 [scale](double value) { return static_cast<float>(scale * value); });
}

}  // namespace keel
