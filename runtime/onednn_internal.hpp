#pragma once

#include "keel/runtime/onednn.hpp"

// What the bridge's source files share, and nothing else includes.

#pragma GCC visibility push(hidden)

namespace keel::onednn {

/// The one CPU engine.
const dnnl::engine& engine();

/// Attributes of every primitive: its scratch memory comes from the plan.
dnnl::primitive_attr attributes();
inline dnnl::memory::dims dims_of(const Size2d& size) {
  return {size.height, size.width};
}

}  // namespace keel::onednn

#pragma GCC visibility pop
