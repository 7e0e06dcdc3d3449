#include "keel/models/conv2d.hpp"

#include "keel/ops/conv2d.hpp"

namespace keel {

namespace {

// Of one pixel: each output sees a window of every input channel, each input a window of every output one.
Fans fans_of(std::int64_t in_channels, std::int64_t out_channels, Size2d kernel) {
  const auto window = kernel.height * kernel.width;
  return {in_channels * window, out_channels * window};
}

}  // namespace

Conv2d::Conv2d(std::int64_t in_channels, std::int64_t out_channels, Size2d kernel,
               const Conv2dLayerOptions& options)
    : options_(options),
      weights_(Shape{out_channels, in_channels, kernel.height, kernel.width},
               options.weights(fans_of(in_channels, out_channels, kernel))) {
  if (options.bias) {
    bias_.emplace(Shape{out_channels}, options.bias_values(fans_of(in_channels, out_channels, kernel)));
  }
}

Var Conv2d::operator()(const Var& src, const SourceLocation& where) const {
  Tape& tape = src.tape();
  const Var bias = bias_ ? bias_->on(tape, "bias", where) : Var{};
  return conv2d(src, weights_.on(tape, "weights", where), bias,
                {.stride = options_.stride, .padding = options_.padding}, where);
}

}  // namespace keel
