#pragma once

#include "keel/tools/data/image_set.hpp"
#include "keel/tools/data/png.hpp"

namespace keel::tools {

/// Samples of each class in a grid with lines between them: a row a class, class 0 on top, its images spread
/// evenly over those of the set, in their order. Rows of classes with fewer images than `columns` are filled
/// up with grey.
///
/// Throws Error if the sheet would have more pixels than `read_png` reads.
GreyImage contact_sheet(const ImageSet& set, int classes, int columns);

}  // namespace keel::tools
