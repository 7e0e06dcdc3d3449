#pragma once

// Runs the kernels of a program one by one on memory with a canary before and behind every piece of it.

#include <string>
#include <vector>

#include "keel/graph/program.hpp"

namespace keel::test {

/// What went wrong, a line each: the operator, its kernel, its types, and what it did. A kernel
///
/// - writes nothing before or behind its inputs, outputs and scratch memory, and not into an input that it
///   does not mutate;
/// - writes every element of its outputs, and gives the same bits whatever its outputs and scratch memory held
///   before, and whatever lies around them;
/// - gives the same bits where output 0 takes the memory of an input that it may overwrite.
///
/// Every kernel is bound anew for `threads` threads. The program's inputs must be stored values; what its
/// nodes mutate is changed in copies alone.
std::vector<std::string> faults_of_kernels(const Program& program, int threads);

}  // namespace keel::test
