#pragma once

#include <string>

#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/training/classification.hpp"

namespace keel::tools {

/// `keel evaluate`.
struct EvaluateOptions {
  std::string file;
  std::string data = "digits";
  int threads = 1;
  bool json = false;
};

/// Tests the network of a file on the test images of a data set, and prints how it does. Throws DataError
/// where both don't belong together.
ExitStatus evaluate_network(const EvaluateOptions& options);

/// A classification in words: loss, accuracy and calibration, the confusion matrix where it fits 80 columns
/// and the most confused pairs where it doesn't, and the classes' scores.
std::string classification_text(const Classification& classification, std::span<const std::string> names);

}  // namespace keel::tools
