#pragma once

#include <cstdint>
#include <vector>

#include "keel/models/onnx/call.hpp"
#include "keel/ops/pad.hpp"
#include "keel/runtime/window.hpp"

#pragma GCC visibility push(hidden)

namespace keel::onnx {

/// How a window moves over images. Those of one direction, (N, C, L), become images of height 1.
struct Spatial {
  bool is_line = false;
  Size2d kernel;
  Size2d stride = 1;
  Size2d dilation = 1;
  PadWidths rows;
  PadWidths columns;
  bool rounds_up = false;  ///< a last window that reaches beyond the padding counts

  /// Whether there is as much padding behind as in front.
  [[nodiscard]] bool is_even() const { return rows.before == rows.after && columns.before == columns.after; }
  [[nodiscard]] Size2d padding() const { return {rows.before, columns.before}; }
};

/// What a node says, whose images are its first input, and whose kernel is `kernel` where it is not a
/// setting.
Spatial spatial_of(const Call& call, std::vector<std::int64_t> kernel);

/// Images (N, C, H, W), also where there is one direction.
Var as_images(const Spatial& spatial, const Var& src, const SourceLocation& where);
/// The reverse.
Var as_given(const Spatial& spatial, const Var& dst, const SourceLocation& where);

}  // namespace keel::onnx

#pragma GCC visibility pop
