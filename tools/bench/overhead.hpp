#pragma once

namespace keel::tools {

/// Nanoseconds that replaying a plan costs for each node, kernel aside: measured on a plan of nodes that do
/// nothing.
double node_overhead_ns();

/// Microseconds to record and compile the training step of 784-128-10 with batch norm at batch 64, given that
/// oneDNN has made its primitives before: median of many.
double compile_us();

}  // namespace keel::tools
