#pragma once

#include <filesystem>
#include <string>

#include "keel/tools/data/image_set.hpp"

namespace keel::tools {

/// Throws DataError, naming `folder`, if fewer than two classes have training images, or if test images have
/// labels that no training image has, whose count it tells.
void check_labels(const DataSet& data, const std::filesystem::path& folder);

/// A sentence on the classes below `data.classes` that have no training images; empty if all have.
std::string empty_classes_note(const DataSet& data);

}  // namespace keel::tools
