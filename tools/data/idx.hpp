#pragma once

#include <filesystem>

#include "keel/tools/data/image_set.hpp"

namespace keel::tools {

/// Reads images and their labels from two files in the IDX format of the MNIST database (LeCun, Cortes and
/// Burges: a magic number, a big-endian 32-bit size for each dimension, then the bytes). Either file may be
/// gzipped, which its content tells, not its name. Images may have any size, labels any value from 0 to 255.
///
/// Throws DataError, naming the file and the fault, if one is missing, damaged, incomplete, too long or of
/// another kind, or if the files hold different numbers of images and labels. Sizes in a header are never
/// trusted with an allocation that the rest of the file does not justify.
ImageSet read_idx_pair(const std::filesystem::path& images, const std::filesystem::path& labels);

/// Reads images without labels from such a file; all labels are 0. Throws DataError likewise.
ImageSet read_idx_images(const std::filesystem::path& path);

}  // namespace keel::tools
