#pragma once

#include <filesystem>
#include <string>

#include "keel/tools/data/image_set.hpp"

namespace keel::tools {

/// Loads what `--data` names: "digits", the built-in digits; "mnist", MNIST from `mnist_folder()`; or else a
/// folder with the four IDX files of a data set under MNIST's names, `train-images-idx3-ubyte`,
/// `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`. Each may be spelled with
/// a dot (`train-images.idx3-ubyte`) and may be gzipped and end in `.gz`; where a folder has both, the
/// unpacked file is read.
///
/// Throws DataError if something is missing or faulty, if training and test images differ in size, or if
/// there are fewer than two classes.
DataSet load_data_set(const std::string& name);

/// Where "mnist" is looked for: `keel/mnist` in the user's cache folder, which is $XDG_CACHE_HOME or else
/// ~/.cache (XDG Base Directory Specification). Throws DataError if the environment tells neither.
std::filesystem::path mnist_folder();

}  // namespace keel::tools
