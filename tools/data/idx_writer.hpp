#pragma once

#include <string>

#include "keel/tools/data/image_set.hpp"

namespace keel::tools {

/// The images as a gzipped IDX file, which `read_idx_pair` reads back: three sizes (number, height, width),
/// each below 2^32, then the bytes. The same images and zlib give the same bytes.
std::string gzipped_idx_images(const ImageSet& set);

/// The same for the labels: one size, then the bytes.
std::string gzipped_idx_labels(const ImageSet& set);

}  // namespace keel::tools
