#pragma once

#include <utility>

#include "keel/graph/operator.hpp"
#include "keel/runtime/onednn.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// The kernel of a call whose arguments are attached, with scratch memory from the plan.
inline Kernel finish(onednn::Call call, const Binding& binding) {
  Slot* scratch = binding.scratch(call.scratch_bytes());
  return std::move(call).kernel(scratch);
}

}  // namespace keel

#pragma GCC visibility pop
