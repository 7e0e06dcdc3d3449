#pragma once

#include <functional>
#include <string>

namespace keel {

/// One operator made ready to run: everything it needs is captured, nothing is looked up any more.
struct Kernel {
  std::function<void()> run;
  /// What does the work: oneDNN's name of the implementation ("brg:avx512_core"), "reference" or "loop".
  std::string implementation;
};

}  // namespace keel
