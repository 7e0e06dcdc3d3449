#include "keel/models/conv2d.hpp"

#include <fmt/format.h>

#include "keel/ops/conv2d.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

namespace {

// The channels of a group.
std::int64_t part_of(std::int64_t channels, std::int64_t groups) {
  if (groups >= 1 && channels % groups == 0) return channels / groups;
  throw Error{
      fmt::format("the channels of a Conv2d, {}, can't be divided into {} equal groups", channels, groups)};
}

// Of one pixel: each output sees a window of every input channel of its group, each input a window of every
// output one.
Fans fans_of(std::int64_t in_channels, std::int64_t out_channels, Size2d kernel, std::int64_t groups) {
  const auto window = kernel.height * kernel.width;
  return {part_of(in_channels, groups) * window, part_of(out_channels, groups) * window};
}

}  // namespace

Conv2d::Conv2d(std::int64_t in_channels, std::int64_t out_channels, Size2d kernel,
               const Conv2dLayerOptions& options)
    : options_(options),
      weights_(Shape{out_channels, part_of(in_channels, options.groups), kernel.height, kernel.width},
               options.weights(fans_of(in_channels, out_channels, kernel, options.groups))) {
  if (options.bias) {
    bias_.emplace(Shape{out_channels},
                  options.bias_values(fans_of(in_channels, out_channels, kernel, options.groups)));
  }
}

Var Conv2d::operator()(const Var& src, const SourceLocation& where) const {
  Tape& tape = src.tape();
  const Var bias = bias_ ? bias_->on(tape, "bias", where) : Var{};
  return conv2d(src, weights_.on(tape, "weights", where), bias,
                {.stride = options_.stride,
                 .padding = options_.padding,
                 .dilation = options_.dilation,
                 .groups = options_.groups},
                where);
}

}  // namespace keel
