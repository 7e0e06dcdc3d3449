#pragma once

#include <filesystem>
#include <string>

#include "keel/tools/data/image_set.hpp"

namespace keel::tools {

/// Loads what `--data` names: "digits", the built-in digits; "mnist", MNIST from `mnist_folder()`; or else a
/// folder, as `read_data_folder` does. The classes are those of the training images: 0 to the largest label.
///
/// Throws DataError if something is missing or faulty, if training and test images differ in size, if fewer
/// than two classes have training images, or if a test image has a label that no training image has. What is
/// worth knowing besides, such as classes without training images, is said on standard error, a line each.
DataSet load_data_set(const std::string& name);

/// Where "mnist" is looked for: `keel/mnist` in the user's cache folder, which is $XDG_CACHE_HOME or else
/// ~/.cache (XDG Base Directory Specification). Throws DataError if the environment tells neither.
std::filesystem::path mnist_folder();

}  // namespace keel::tools
