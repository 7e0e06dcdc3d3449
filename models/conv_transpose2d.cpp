#include "keel/models/conv_transpose2d.hpp"

#include <fmt/format.h>

#include "keel/ops/conv_transpose2d.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// The channels of a group.
std::int64_t part_of(std::int64_t channels, std::int64_t groups) {
  if (groups >= 1 && channels % groups == 0) return channels / groups;
  throw Error{fmt::format("the channels of a ConvTranspose2d, {}, can't be divided into {} equal groups",
                          channels, groups)};
}

Fans fans_of(std::int64_t in_channels, std::int64_t out_channels, Size2d kernel, std::int64_t groups) {
  const auto window = kernel.height * kernel.width;
  return {part_of(out_channels, groups) * window, part_of(in_channels, groups) * window};
}

}  // namespace

ConvTranspose2d::ConvTranspose2d(std::int64_t in_channels, std::int64_t out_channels, Size2d kernel,
                                 const ConvTranspose2dLayerOptions& options)
    : options_(options),
      weights_(Shape{in_channels, part_of(out_channels, options.groups), kernel.height, kernel.width},
               options.weights(fans_of(in_channels, out_channels, kernel, options.groups))) {
  if (options.bias) {
    bias_.emplace(Shape{out_channels},
                  options.bias_values(fans_of(in_channels, out_channels, kernel, options.groups)));
  }
}

Var ConvTranspose2d::operator()(const Var& src, const SourceLocation& where) const {
  Tape& tape = src.tape();
  const Var bias = bias_ ? bias_->on(tape, "bias", where) : Var{};
  return conv_transpose2d(src, weights_.on(tape, "weights", where), bias,
                          {.stride = options_.stride,
                           .padding = options_.padding,
                           .output_padding = options_.output_padding,
                           .dilation = options_.dilation,
                           .groups = options_.groups},
                          where);
}

}  // namespace keel
