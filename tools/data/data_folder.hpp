#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "keel/tools/data/image_set.hpp"

namespace keel::tools {

/// What a folder holds, without name and digest, and sentences on what is worth knowing of it.
struct FolderContent {
  DataSet data;
  std::vector<std::string> notes;
};

/// Reads a folder with a data set in one of three forms:
///
/// - the four IDX files of MNIST, `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
///   `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`. Each may be spelled with a dot
///   (`train-images.idx3-ubyte`) and may be gzipped and end in `.gz`; where a folder has both, the unpacked file
///   is read;
/// - four NumPy arrays, `train-images.npy`, `train-labels.npy`, `test-images.npy` and `test-labels.npy`
///   (or `t10k-` for `test-`), see `read_npy_pair`;
/// - PNG pictures by class, `train/CLASS/*.png` and `test/CLASS/*.png`, see `read_picture_folder`.
///
/// Throws DataError if something is missing, which ends in `advice`, or faulty, or if the folder holds a data
/// set in more than one form.
FolderContent read_data_folder(const std::filesystem::path& folder, std::string_view advice);

}  // namespace keel::tools
