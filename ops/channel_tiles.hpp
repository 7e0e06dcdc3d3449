#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "keel/ops/channel_loops.hpp"
#include "keel/runtime/shape.hpp"
#include "keel/runtime/threads.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// Some rows of an array of which each column belongs to one channel.
struct ChannelTile {
  std::int64_t offset;   ///< of the first element
  std::int64_t column;   ///< of the first element, among `ChannelTiles::columns`
  std::int64_t partial;  ///< where this tile's sums begin, among `ChannelTiles::partials`
  loops::Rows rows;
};

/// An array (N, C) or (N, C, ...) cut into tiles, so that one set of loops serves every memory format.
///
/// Where a pixel's channels lie side by side, a row has as many pixels as fill whole vectors: 32 of three
/// channels. Where a channel's pixels lie side by side, each image's plane is cut into
/// rows of one channel. Tiles, and so the order of all additions, depend on the shape and format alone, never
/// on threads.
class ChannelTiles {
 public:
  ChannelTiles(const Shape& shape, MemoryFormat format);

  [[nodiscard]] std::int64_t channels() const { return channels_; }
  [[nodiscard]] std::size_t channel_count() const { return static_cast<std::size_t>(channels_); }
  /// Values a channel.
  [[nodiscard]] std::int64_t values() const { return samples_ * pixels_; }
  [[nodiscard]] std::int64_t columns() const { return std::ssize(channel_of_column_); }
  /// Sums of one kind that all tiles have together: one for each tile and column.
  [[nodiscard]] std::int64_t partials() const { return partials_; }

  /// Calls `body(tile)` for every tile, on several threads where that pays. Tiles that share partial sums are
  /// visited by one thread, in order.
  template <class Body>
  void for_each(const Body& body) const {
    constexpr std::int64_t elements_per_thread = 1 << 15;
    if (groups_ == 0) return;
    const auto elements = std::max<std::int64_t>(1, values() * channels_ / groups_);
    parallel_for(groups_, std::max<std::int64_t>(1, elements_per_thread / elements),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (auto group = begin; group < end; ++group) visit(group, body);
                 });
  }

  /// per_column[j] = per_channel[c] for each column j of channel c.
  void spread(const double* per_channel, float* per_column) const;
  /// The same for a mean in two parts.
  void spread_center(const double* mean, float* per_column, float* rest) const;
  /// totals[c] = the sum of all partial sums of channel c, in the order of the tiles.
  void total(const double* partial, double* totals) const;
  /// dst[c] = `scale` times the sum of src over channel c, taken in double; `scratch` has `sum_scratch` bytes.
  void sum(const float* src, double scale, double* scratch, float* dst) const;
  [[nodiscard]] std::size_t sum_scratch() const {
    return static_cast<std::size_t>(partials_ + channels_) * sizeof(double);
  }

 private:
  template <class Body>
  void visit(std::int64_t group, const Body& body) const {
    if (planes_)
      visit_planes(group, body);
    else
      body(tile_of_rows(group));
  }

  // All planes of one channel: each as rows, and what is left over.
  template <class Body>
  void visit_planes(std::int64_t channel, const Body& body) const {
    const auto whole = pixels_ / width_;
    const auto rest = pixels_ % width_;
    const auto column = channel * width_;
    for (std::int64_t n = 0; n < samples_; ++n) {
      const auto offset = (n * channels_ + channel) * pixels_;
      if (whole > 0) body(ChannelTile{offset, column, column, {whole, width_, width_}});
      if (rest > 0) body(ChannelTile{offset + whole * width_, column, column, {1, rest, rest}});
    }
  }

  [[nodiscard]] ChannelTile tile_of_rows(std::int64_t index) const;

  std::int64_t samples_;
  std::int64_t channels_;
  std::int64_t pixels_;
  bool planes_;         // a channel's pixels lie side by side
  std::int64_t width_;  // of a whole row
  std::int64_t groups_ = 0;
  std::int64_t partials_ = 0;
  // Of rows alone:
  std::int64_t whole_rows_ = 0;
  std::int64_t left_over_ = 0;  // elements behind the whole rows
  std::int64_t rows_a_tile_ = 0;
  std::int64_t columns_a_tile_ = 0;
  std::int64_t tiles_across_ = 0;  // of a whole row
  std::vector<std::int32_t> channel_of_column_;
};

}  // namespace keel

#pragma GCC visibility pop
