#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "keel/tools/data/image_set.hpp"

namespace keel::tools {

/// Reads a folder of PNG pictures by class: `train/CLASS/*.png` and `test/CLASS/*.png`, all of one size.
/// `data` gets its images, classes and class names. Returns a sentence for each class of `test` without
/// pictures.
///
/// If all classes are named by whole numbers from 0 to 255, the number is the label, so that `train/7` holds
/// sevens as in MNIST, whichever other folders there are. Otherwise the classes of `train` are numbered from
/// 0 in the order of their names (by value if all are numbers, by bytes if not), those that only `test` has
/// come after them, and the names are kept in `class_names`.
///
/// Images are in the order of their classes, then of their files' names by bytes, whatever the order of the
/// file system. What begins with a dot is skipped. Throws DataError, naming the file and the fault, for
/// anything else that is not a readable PNG file in its class's folder, for two files of different sizes, for
/// two classes of one number, and for more than 256 classes.
std::vector<std::string> read_picture_folder(const std::filesystem::path& folder, DataSet& data);

}  // namespace keel::tools
