#include "keel/ops/batch_norm_f32.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>

#include "keel/ops/channel_tiles.hpp"
#include "keel/ops/normalization.hpp"
#include "keel/ops/rank_sums.hpp"

namespace keel {
namespace {

// Scratch memory for several arrays of `count` elements, one behind the other.
template <class T>
class ScratchArrays {
 public:
  ScratchArrays(const Binding& binding, std::int64_t arrays, std::int64_t count)
      : memory_(*binding.scratch(static_cast<std::size_t>(std::max<std::int64_t>(1, arrays * count)) *
                                 sizeof(T))),
        count_(count) {}

  [[nodiscard]] T* operator[](std::int64_t index) const { return memory_.get() + index * count_; }
  void clear(std::int64_t arrays) const { std::fill_n(memory_.get(), arrays * count_, T{0}); }

 private:
  SlotView<T> memory_;
  std::int64_t count_;
};

std::shared_ptr<const ChannelTiles> tiles_of(const Binding& binding) {
  return std::make_shared<ChannelTiles>(binding.input_type(0).shape, binding.input_format(0));
}

void write_f32(const double* src, std::int64_t count, float* dst) {
  std::transform(src, src + count, dst, [](double value) { return static_cast<float>(value); });
}

// Normalization as it is laid out by columns, whichever statistics it is by.
struct Forward {
  std::shared_ptr<const ChannelTiles> tiles;
  double epsilon;
  bool relu;
  NormalizationSlots<float> at;
  ScratchArrays<float> columns;    // mean, its rest, scale, beta
  ScratchArrays<double> channels;  // mean, variance, and what is made of them

  Forward(const BatchNormSettings& settings, const Binding& binding)
      : tiles(tiles_of(binding)),
        epsilon(settings.epsilon),
        relu(settings.fused_relu),
        at(binding),
        columns(binding, 4, tiles->columns()),
        channels(binding, 4, tiles->channels()) {}

  void normalize() const {
    const auto count = tiles->channels();
    const double* variance = channels[1];
    double* scale = channels[2];
    double* shift = channels[3];
    for (std::int64_t c = 0; c < count; ++c) {
      scale[c] = at.gamma.get()[c] / std::sqrt(variance[c] + epsilon);
      shift[c] = at.beta.get()[c];
    }
    tiles->spread(scale, columns[2]);
    tiles->spread(shift, columns[3]);
    tiles->for_each([this](const ChannelTile& tile) {
      loops::normalize(at.src.get() + tile.offset, centers_at(tile), columns[2] + tile.column,
                       columns[3] + tile.column, tile.rows, relu, at.dst.get() + tile.offset);
    });
  }

  [[nodiscard]] loops::Centers centers_at(const ChannelTile& tile) const {
    return {columns[0] + tile.column, columns[1] + tile.column};
  }
};

// Two passes over src for the statistics, since E[x^2] - E[x]^2 cancels where the mean is large; the second
// from a mean of more digits than f32 holds.
Kernel forward_by_batch(const BatchNormSettings& settings, const Binding& binding) {
  const Forward forward{settings, binding};
  const ScratchArrays<double> partial{binding, 1, forward.tiles->partials()};
  const auto count_dst = settings.ranks.size() > 1 ? std::optional{binding.output<float>(3)} : std::nullopt;
  return {[forward, partial, count_dst, ranks = settings.ranks, mean_dst = binding.output<float>(1),
           variance_dst = binding.output<float>(2)] {
            const auto& tiles = *forward.tiles;
            const auto count = tiles.channels();
            const auto own_values = static_cast<double>(tiles.values());
            double* mean = forward.channels[0];
            double* variance = forward.channels[1];
            partial.clear(1);
            tiles.for_each([&](const ChannelTile& tile) {
              loops::add_rows(forward.at.src.get() + tile.offset, tile.rows, partial[0] + tile.partial);
            });
            tiles.total(partial[0], mean);
            const double values = over_ranks(ranks, own_values, std::span{mean, tiles.channel_count()});
            if (count_dst) require_several(*count_dst->get() = static_cast<float>(values));
            for (std::int64_t c = 0; c < count; ++c) mean[c] /= values;
            tiles.spread_center(mean, forward.columns[0], forward.columns[1]);
            partial.clear(1);
            tiles.for_each([&](const ChannelTile& tile) {
              loops::add_squared_deviations(forward.at.src.get() + tile.offset, forward.centers_at(tile),
                                            tile.rows, partial[0] + tile.partial);
            });
            tiles.total(partial[0], variance);
            over_ranks(ranks, 0.0, std::span{variance, tiles.channel_count()});
            for (std::int64_t c = 0; c < count; ++c) variance[c] /= values;
            write_f32(mean, count, mean_dst.get());
            write_f32(variance, count, variance_dst.get());
            forward.normalize();
          },
          "loop"};
}

Kernel forward_by_given(const BatchNormSettings& settings, const Binding& binding) {
  const Forward forward{settings, binding};
  return {[forward, mean = binding.input<const float>(3), variance = binding.input<const float>(4)] {
            const auto& tiles = *forward.tiles;
            std::copy_n(mean.get(), tiles.channels(), forward.channels[0]);
            std::copy_n(variance.get(), tiles.channels(), forward.channels[1]);
            tiles.spread(forward.channels[0], forward.columns[0]);
            std::fill_n(forward.columns[1], tiles.columns(), 0.0F);
            forward.normalize();
          },
          "loop"};
}

// The derivative, of which the derivation is in batch_norm_reference.cpp. As the mean that forward left was rounded,
// what it was rounded by is found anew.
class Backward {
 public:
  Backward(const BatchNormSettings& settings, const Binding& binding)
      : settings_(settings),
        tiles_(tiles_of(binding)),
        at_(binding),
        columns_(binding, 5, tiles_->columns()),
        channels_(binding, 8, tiles_->channels()),
        partial_(binding, 3, tiles_->partials()) {
    if (settings.fused_relu) rectified_ = binding.input<const float>(6);
  }

  void run() const {
    take_sums();
    make_terms();
    tiles_->for_each([this](const ChannelTile& tile) {
      const loops::GradientTerms terms{
          .centers = {columns_[mean] + tile.column, columns_[rest] + tile.column},
          .scale = columns_[scale] + tile.column,
          .mean_grad = columns_[mean_grad] + tile.column,
          .projection = columns_[projection] + tile.column};
      loops::normalization_backward(at_.src.get() + tile.offset, terms, at_.grad_dst.get() + tile.offset,
                                    rectified_at(tile), tile.rows, at_.grad_src.get() + tile.offset);
    });
  }

 private:
  // Of columns_; channels_ has the same, and three more.
  enum Array : std::int64_t { mean, rest, scale, mean_grad, projection, products, own_grad, own_products };

  [[nodiscard]] const float* rectified_at(const ChannelTile& tile) const {
    return rectified_ ? rectified_->get() + tile.offset : nullptr;
  }

  void take_sums() const {
    std::copy_n(at_.mean.get(), tiles_->channels(), channels_[mean]);
    tiles_->spread(channels_[mean], columns_[mean]);
    partial_.clear(3);
    tiles_->for_each([this](const ChannelTile& tile) {
      loops::add_gradient_sums(
          at_.src.get() + tile.offset, columns_[mean] + tile.column, at_.grad_dst.get() + tile.offset,
          rectified_at(tile), tile.rows,
          {partial_[0] + tile.partial, partial_[1] + tile.partial, partial_[2] + tile.partial});
    });
    tiles_->total(partial_[0], channels_[rest]);
    tiles_->total(partial_[1], channels_[mean_grad]);
    tiles_->total(partial_[2], channels_[products]);
    std::copy_n(channels_[mean_grad], tiles_->channels(), channels_[own_grad]);
    std::copy_n(channels_[products], tiles_->channels(), channels_[own_products]);
    values_ = over_ranks(settings_.ranks, static_cast<double>(tiles_->values()),
                         std::array{sums(rest), sums(mean_grad), sums(products)});
  }

  [[nodiscard]] std::span<double> sums(Array array) const {
    return {channels_[array], tiles_->channel_count()};
  }

  // What the mean that forward left was rounded by, and each channel's variance.
  void find_statistics() const {
    const auto count = tiles_->channels();
    double* variance = channels_[scale];
    std::copy_n(at_.variance.get(), count, variance);
    if (settings_.given_statistics) {
      std::fill_n(channels_[rest], count, 0.0);
      return;
    }
    for (std::int64_t c = 0; c < count; ++c)
      channels_[rest][c] = channels_[rest][c] / values_ - channels_[mean][c];
    const auto is_lost = [this](float value) { return lost_in_f32(value, settings_.epsilon); };
    if (std::none_of(at_.variance.get(), at_.variance.get() + count, is_lost)) return;
    tiles_->spread(channels_[rest], columns_[rest]);
    partial_.clear(1);
    tiles_->for_each([this](const ChannelTile& tile) {
      loops::add_squared_deviations(at_.src.get() + tile.offset,
                                    {columns_[mean] + tile.column, columns_[rest] + tile.column}, tile.rows,
                                    partial_[0] + tile.partial);
    });
    tiles_->total(partial_[0], variance);
    over_ranks(settings_.ranks, 0.0, sums(scale));
    for (std::int64_t c = 0; c < count; ++c) variance[c] /= values_;
  }

  void make_terms() const {
    find_statistics();
    for (std::int64_t c = 0; c < tiles_->channels(); ++c) {
      const double inverse = 1.0 / std::sqrt(channels_[scale][c] + settings_.epsilon);
      const double dbeta = channels_[mean_grad][c];
      const double center = channels_[rest][c];
      const double dgamma = (channels_[products][c] - center * dbeta) * inverse;
      const double own_dbeta = channels_[own_grad][c];
      const double own_dgamma = (channels_[own_products][c] - center * own_dbeta) * inverse;
      at_.grad_gamma.get()[c] = static_cast<float>(own_dgamma);
      at_.grad_beta.get()[c] = static_cast<float>(own_dbeta);
      channels_[scale][c] = at_.gamma.get()[c] * inverse;
      channels_[mean_grad][c] = settings_.given_statistics ? 0.0 : dbeta / values_;
      channels_[projection][c] = settings_.given_statistics ? 0.0 : dgamma * inverse / values_;
    }
    for (const auto array : {rest, scale, mean_grad, projection})
      tiles_->spread(channels_[array], columns_[array]);
  }

  BatchNormSettings settings_;
  std::shared_ptr<const ChannelTiles> tiles_;
  NormalizationBackwardSlots<float> at_;
  std::optional<SlotView<const float>> rectified_;
  ScratchArrays<float> columns_;
  ScratchArrays<double> channels_;
  ScratchArrays<double> partial_;
  mutable double values_ = 0.0;  // a channel, of all ranks
};

}  // namespace

Kernel batch_norm_forward_f32(const BatchNormSettings& settings, const Binding& binding) {
  return settings.given_statistics ? forward_by_given(settings, binding)
                                   : forward_by_batch(settings, binding);
}

Kernel batch_norm_backward_f32(const BatchNormSettings& settings, const Binding& binding) {
  return {[backward = std::make_shared<Backward>(settings, binding)] { backward->run(); }, "loop"};
}

}  // namespace keel
