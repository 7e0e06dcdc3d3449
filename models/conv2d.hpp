#pragma once

#include <cstdint>
#include <optional>

#include "keel/graph/tape.hpp"
#include "keel/models/parameter.hpp"
#include "keel/models/settings.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/window.hpp"

namespace keel {

struct Conv2dLayerOptions {
  Size2d stride = 1;
  Size2d padding = 0;
  Size2d dilation = 1;
  std::int64_t groups = 1;  ///< as many as in_channels for depthwise
  bool bias = true;         ///< false where batch norm comes next: its mean takes any bias away again
  InitializerRule weights = initializers::fan_in();      ///< by what rule the weights start
  InitializerRule bias_values = initializers::fan_in();  ///< and the bias
};

/// A convolution with weights and bias of its own: images (N, in_channels, H, W) to
/// (N, out_channels, OH, OW); see `conv2d`.
class Conv2d {
 public:
  /// Throws Error when `groups` is not positive or does not divide the channels.
  Conv2d(std::int64_t in_channels, std::int64_t out_channels, Size2d kernel,
         const Conv2dLayerOptions& options = {});

  Var operator()(const Var& src, const SourceLocation& where = SourceLocation::current()) const;

  void visit(auto&& each) {
    each("weights", weights_);
    if (bias_) each("bias", *bias_);
  }
  void visit_settings(auto&& each) const {
    detail::visit_size(each, "stride", options_.stride);
    detail::visit_size(each, "padding", options_.padding);
    detail::visit_size(each, "dilation", options_.dilation);
    each("groups", static_cast<double>(options_.groups));
  }

 private:
  Conv2dLayerOptions options_;
  Parameter weights_;
  std::optional<Parameter> bias_;
};

}  // namespace keel
