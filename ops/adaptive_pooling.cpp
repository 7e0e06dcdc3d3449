#include "keel/ops/adaptive_pooling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/ops/pooling.hpp"
#include "keel/ops/pooling_geometry.hpp"
#include "keel/ops/types.hpp"
#include "keel/ops/window.hpp"
#include "keel/runtime/error.hpp"

#pragma GCC visibility push(hidden)

namespace keel::loops {

// What goes into one row or column of the result: those of the source from `begin` on, each times a factor.
struct Part {
  std::int64_t begin = 0;
  std::vector<double> factors = {};
};

// dst = the sum over the pixels of `rows` and `columns` times their factors, channel by channel, in double. The
// channels of a pixel lie side by side.
KEEL_EACH_WIDTH void sum_of_part(const float* __restrict src, std::int64_t width, std::int64_t channels,
                                 const Part& rows, const Part& columns, float* __restrict dst) {
  constexpr std::int64_t block = 64;
  for (std::int64_t begin = 0; begin < channels; begin += block) {
    const auto count = std::min(block, channels - begin);
    std::array<double, block> sums{};
    for (std::size_t i = 0; i < rows.factors.size(); ++i) {
      for (std::size_t j = 0; j < columns.factors.size(); ++j) {
        const auto row = rows.begin + static_cast<std::int64_t>(i);
        const auto column = columns.begin + static_cast<std::int64_t>(j);
        const auto* values = src + (row * width + column) * channels + begin;
        const double factor = rows.factors[i] * columns.factors[j];
        for (std::int64_t k = 0; k < count; ++k) sums[static_cast<std::size_t>(k)] += factor * values[k];
      }
    }
    for (std::int64_t k = 0; k < count; ++k)
      dst[begin + k] = static_cast<float>(sums[static_cast<std::size_t>(k)]);
  }
}

}  // namespace keel::loops

#pragma GCC visibility pop

namespace keel {
namespace {

using Parts = std::vector<loops::Part>;

// By window, the pixels along one direction that it is the mean of.
Parts means_of(std::int64_t pixels, std::int64_t windows) {
  Parts parts;
  for (std::int64_t i = 0; i < windows; ++i) {
    const auto begin = i * pixels / windows;
    const auto end = ((i + 1) * pixels + windows - 1) / windows;
    const auto count = static_cast<std::size_t>(end - begin);
    parts.push_back({begin, std::vector(count, 1.0 / static_cast<double>(count))});
  }
  return parts;
}

// The transpose: by pixel, the windows that it went into.
Parts shares_of(std::int64_t pixels, std::int64_t windows) {
  Parts parts(static_cast<std::size_t>(pixels));
  const auto means = means_of(pixels, windows);
  for (std::size_t i = 0; i < means.size(); ++i) {
    for (std::size_t j = 0; j < means[i].factors.size(); ++j) {
      auto& part = parts[static_cast<std::size_t>(means[i].begin) + j];
      if (part.factors.empty()) part.begin = static_cast<std::int64_t>(i);
      part.factors.push_back(means[i].factors[j]);
    }
  }
  return parts;
}

void reference_sums(const double* src, std::int64_t width, const Parts& rows, const Parts& columns,
                    double* dst) {
  for (const auto& row : rows) {
    for (const auto& column : columns) {
      double sum = 0.0;
      for (std::size_t i = 0; i < row.factors.size(); ++i) {
        for (std::size_t j = 0; j < column.factors.size(); ++j) {
          const auto place = (row.begin + static_cast<std::int64_t>(i)) * width + column.begin +
                             static_cast<std::int64_t>(j);
          sum += row.factors[i] * column.factors[j] * src[place];
        }
      }
      *dst++ = sum;
    }
  }
}

// Means over windows, or, `backward`, what passes a gradient of these on to their pixels; each is the other's
// derivative. Input and output: images, the latter of size `size`.
class AdaptiveAverageOp final : public Operator {
 public:
  AdaptiveAverageOp(bool backward, Size2d size) : backward_(backward), size_(size) {}
  [[nodiscard]] std::string_view name() const override {
    return backward_ ? "adaptive_average_pool2d_backward" : "adaptive_average_pool2d";
  }

  [[nodiscard]] std::vector<Attribute> attributes() const override { return {{"size", size_}}; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    require_rank(inputs[0], 4, "src");
    const auto& shape = inputs[0].shape;
    if (size_.height < 1 || size_.width < 1)
      throw ShapeError{fmt::format("the size must be 1 or more, not {}", to_string(size_))};
    if (shape[2] < 1 || shape[3] < 1)
      throw ShapeError{fmt::format("the image {} has no pixels", to_string(image_size(shape)))};
    return {{{shape[0], shape[1], size_.height, size_.width}, inputs[0].dtype}};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto& from = binding.input_type(0).shape;
    const auto& to = binding.output_type(0).shape;
    const auto parts = [&](std::size_t axis) {
      return backward_ ? shares_of(to[axis], from[axis]) : means_of(from[axis], to[axis]);
    };
    if (binding.output_type(0).dtype == DType::f64) {
      return {[=, rows = parts(2), columns = parts(3), src = binding.input<const double>(0),
               dst = binding.output<double>(0)] {
                for (std::int64_t plane = 0; plane < to[0] * to[1]; ++plane)
                  reference_sums(src.get() + plane * from[2] * from[3], from[3], rows, columns,
                                 dst.get() + plane * to[2] * to[3]);
              },
              "reference"};
    }
    return {[=, rows = parts(2), columns = parts(3), src = binding.input<const float>(0),
             dst = binding.output<float>(0)] {
              for_each_row(to, [&](std::int64_t n, std::int64_t row) {
                for (std::int64_t column = 0; column < to[3]; ++column)
                  loops::sum_of_part(src.get() + place_in(from, n, 0, 0), from[3], from[1],
                                     rows[static_cast<std::size_t>(row)],
                                     columns[static_cast<std::size_t>(column)],
                                     dst.get() + place_in(to, n, row, column));
              });
            },
            "loop"};
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    const auto op = std::make_shared<AdaptiveAverageOp>(!backward_, image_size(context.inputs[0].shape()));
    return {record(op, {context.output_grads[0]}, context.where)};
  }

  [[nodiscard]] Formats formats(std::span<const ValueType>, std::span<const MemoryFormat>,
                                std::span<const ValueType>) const override {
    return {{MemoryFormat::channels_last}, {MemoryFormat::channels_last}};
  }

 private:
  bool backward_;
  Size2d size_;
};

}  // namespace

Var adaptive_average_pool2d(const Var& src, Size2d size, const SourceLocation& where) {
  const auto shape = src.shape();
  const bool alike = shape.rank() == 4 && size.height > 0 && size.width > 0 && shape[2] > 0 && shape[3] > 0 &&
                     shape[2] % size.height == 0 && shape[3] % size.width == 0;
  if (alike) return average_pool2d(src, {.kernel = {shape[2] / size.height, shape[3] / size.width}}, where);
  return record(std::make_shared<AdaptiveAverageOp>(false, size), {src}, where);
}

}  // namespace keel
