#pragma once

#include <string>
#include <vector>

#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// `keel predict`.
struct PredictOptions {
  std::string file;
  std::vector<std::string> images;  ///< files: PNG, or IDX with any number of images
  int top = 3;
  std::string invert = "auto";  ///< "auto", "always", "never"
  bool json = false;
};

/// Prints the most likely classes of each image. A file that can't be read is named on standard error, the
/// others are predicted all the same, and the status says so.
ExitStatus predict_images(const PredictOptions& options);

}  // namespace keel::tools
