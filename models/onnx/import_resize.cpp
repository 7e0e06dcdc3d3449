// Images of another size: along each axis a product with a matrix of weights, which is known beforehand.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "keel/models/onnx/call.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/transpose.hpp"

namespace keel::onnx {
namespace {

// What is said of all axes.
struct Interpolation {
  std::string mode;
  std::string coordinates;
  std::string nearest;
  double cubic = -0.75;
  bool excludes_outside = false;
  bool antialias = false;
};

// One axis: so many elements become so many.
struct Resampling {
  std::int64_t from;
  std::int64_t to;
  double scale;
};

// Where element `i` of the result lies in src.
double source_of(const Call& call, const Interpolation& by, const Resampling& axis, std::int64_t i) {
  const auto x = static_cast<double>(i);
  const auto from = static_cast<double>(axis.from);
  const auto to = static_cast<double>(axis.to);
  if (by.coordinates == "half_pixel") return (x + 0.5) / axis.scale - 0.5;
  if (by.coordinates == "half_pixel_symmetric") {
    const double adjustment = to / (axis.scale * from);
    const double centre = from / 2.0;
    return centre * (1.0 - adjustment) + (x + 0.5) / axis.scale - 0.5;
  }
  if (by.coordinates == "pytorch_half_pixel") return axis.to > 1 ? (x + 0.5) / axis.scale - 0.5 : 0.0;
  if (by.coordinates == "align_corners")
    return axis.to > 1 ? x * (from - 1.0) / (axis.scale * from - 1.0) : 0.0;
  if (by.coordinates == "asymmetric") return x / axis.scale;
  call.refuse(fmt::format("keel has no coordinates of mode '{}'", by.coordinates));
}

std::int64_t nearest_to(const Call& call, const std::string& mode, double x) {
  if (mode == "round_prefer_floor") return static_cast<std::int64_t>(std::ceil(x - 0.5));
  if (mode == "round_prefer_ceil") return static_cast<std::int64_t>(std::floor(x + 0.5));
  if (mode == "floor") return static_cast<std::int64_t>(std::floor(x));
  if (mode == "ceil") return static_cast<std::int64_t>(std::ceil(x));
  call.fail(fmt::format("attribute 'nearest_mode' is '{}'", mode));
}

// Keys 1981.
double cubic_weight(double distance, double a) {
  const double x = std::abs(distance);
  if (x <= 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  return x < 2.0 ? ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a : 0.0;
}

// The weights of src's elements in element `i` of the result.
std::vector<double> weights_of(const Call& call, const Interpolation& by, const Resampling& axis,
                               std::int64_t i) {
  std::vector<double> weights(static_cast<std::size_t>(axis.from), 0.0);
  const auto add = [&](std::int64_t place, double weight) {
    const bool outside = place < 0 || place >= axis.from;
    if (outside && by.excludes_outside) return;
    weights[static_cast<std::size_t>(std::clamp<std::int64_t>(place, 0, axis.from - 1))] += weight;
  };
  const double x = source_of(call, by, axis, i);
  if (by.mode == "nearest") {
    add(nearest_to(call, by.nearest, x), 1.0);
    return weights;
  }
  const bool is_cubic = by.mode == "cubic";
  if (!is_cubic && by.mode != "linear") call.fail(fmt::format("attribute 'mode' is '{}'", by.mode));
  // Against aliasing, smaller images take the kernel as much wider.
  const double stretch = by.antialias ? std::min(axis.scale, 1.0) : 1.0;
  const auto reach = static_cast<std::int64_t>(std::ceil((is_cubic ? 2.0 : 1.0) / stretch));
  const auto first = static_cast<std::int64_t>(std::floor(x)) - reach + 1;
  for (auto place = first; place <= first + 2 * reach - 1; ++place) {
    const double distance = (x - static_cast<double>(place)) * stretch;
    add(place, is_cubic ? cubic_weight(distance, by.cubic) : std::max(0.0, 1.0 - std::abs(distance)));
  }
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (by.excludes_outside || by.antialias)
    for (auto& weight : weights) weight /= total;
  return weights;
}

Var resampled(Call& call, const Interpolation& by, const Resampling& axis, const Var& src,
              std::size_t place) {
  constexpr std::int64_t most = std::int64_t{1} << 40;
  call.spend(axis.to > most / axis.from ? most : axis.to * axis.from);
  Tensor weights{Shape{axis.to, axis.from}, src.dtype()};
  for (std::int64_t i = 0; i < axis.to; ++i) {
    const auto row = weights_of(call, by, axis, i);
    for (std::int64_t k = 0; k < axis.from; ++k) {
      const auto at = static_cast<std::size_t>(i * axis.from + k);
      if (src.dtype() == DType::f64)
        weights.data<double>()[at] = row[static_cast<std::size_t>(k)];
      else
        weights.data<float>()[at] = static_cast<float>(row[static_cast<std::size_t>(k)]);
    }
  }
  Axes last(src.shape().rank());
  std::iota(last.begin(), last.end(), 0);
  std::swap(last[place], last.back());
  const Var turned = transpose(src, last, call.where());
  return transpose(linear(turned, call.tape().stored(weights), {}, call.where()), last, call.where());
}

std::vector<double> numbers_of(const Call& call, std::size_t i) {
  const auto& known = call.known(i);
  if (!is_real(known.element)) return {known.numbers.begin(), known.numbers.end()};
  if (known.element == Element::f64)
    return {known.reals.data<double>().begin(), known.reals.data<double>().end()};
  return {known.reals.data<float>().begin(), known.reals.data<float>().end()};
}

// By scales or sizes of all axes, or of those that are named; where they are to keep their proportion, by
// one scale.
std::vector<Resampling> resamplings_of(const Call& call, std::size_t scales_at, std::size_t sizes_at) {
  const auto src = call.extents(0);
  const auto rank = static_cast<std::int64_t>(src.size());
  std::vector<Resampling> all;
  for (const auto extent : src) all.push_back({extent, extent, 1.0});
  std::vector<std::int64_t> axes(src.size());
  std::iota(axes.begin(), axes.end(), 0);
  axes = call.integers("axes", axes);
  const bool by_sizes = call.has(sizes_at) && !numbers_of(call, sizes_at).empty();
  if (!by_sizes && !call.has(scales_at)) call.fail("it has neither scales nor sizes");
  const auto given = numbers_of(call, by_sizes ? sizes_at : scales_at);
  if (given.size() != axes.size()) call.fail("its scales or sizes are not one for each axis");
  const auto policy = call.text("keep_aspect_ratio_policy", "stretch");
  double common = policy == "not_larger" ? 1e300 : 0.0;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (axis < 0 || axis >= rank || !(given[i] > 0.0) || given[i] > 1e9)
      call.fail("its axes or scales are out of range");
    auto& [from, to, scale] = all[static_cast<std::size_t>(axis)];
    scale = by_sizes ? given[i] / static_cast<double>(from) : given[i];
    if (static_cast<double>(from) * scale > 1e15) call.refuse("its images are too large");
    to = static_cast<std::int64_t>(by_sizes ? given[i] : std::floor(static_cast<double>(from) * scale));
    common = policy == "not_larger" ? std::min(common, scale) : std::max(common, scale);
    if (from < 1 || to < 1) call.refuse("keel has no images without pixels");
  }
  if (policy == "stretch" || !by_sizes) return all;
  for (const auto named : axes) {
    auto& [from, to, scale] = all[static_cast<std::size_t>(named < 0 ? named + rank : named)];
    scale = common;
    to = static_cast<std::int64_t>(std::floor(static_cast<double>(from) * common + 0.5));
    if (to < 1) call.refuse("keel has no images without pixels");
  }
  return all;
}

void resize_by(Call& call, const Interpolation& by, std::size_t scales_at, std::size_t sizes_at) {
  const auto all = resamplings_of(call, scales_at, sizes_at);
  Var image = call.real(0);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].to != all[i].from || all[i].scale != 1.0) image = resampled(call, by, all[i], image, i);
  call.give(image);
}

void resize(Call& call) {
  if (call.opset() < 11)
    return resize_by(
        call, {.mode = call.text("mode", "nearest"), .coordinates = "asymmetric", .nearest = "floor"}, 1, 3);
  resize_by(call,
            {.mode = call.text("mode", "nearest"),
             .coordinates = call.text("coordinate_transformation_mode", "half_pixel"),
             .nearest = call.text("nearest_mode", "round_prefer_floor"),
             .cubic = call.number("cubic_coeff_a", -0.75),
             .excludes_outside = call.flag("exclude_outside"),
             .antialias = call.flag("antialias")},
            2, 3);
}

void upsample(Call& call) {
  resize_by(call, {.mode = call.text("mode", "nearest"), .coordinates = "asymmetric", .nearest = "floor"}, 1,
            3);
}

}  // namespace

std::span<const OperatorEntry> resize_operators() {
  static constexpr std::array entries{
      OperatorEntry{"Resize", 1, 4, 1, resize},
      OperatorEntry{"Upsample", 2, 2, 1, upsample},
  };
  return entries;
}

}  // namespace keel::onnx
