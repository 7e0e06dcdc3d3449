#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "keel/tools/data/image_set.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// `keel data mnist`.
struct MnistOptions {
  std::string url = "https://ossci-datasets.s3.amazonaws.com/mnist/";  ///< of the folder with the files
  bool force = false;
};

/// `keel data digits`.
struct DigitsFolderOptions {
  std::string out;
  std::uint64_t seed = 1;
  bool force = false;
};

/// `keel data info`.
struct InfoOptions {
  std::string data = "digits";
  std::string sheet;  ///< PNG file for samples of each class; empty for none
};

/// Downloads MNIST into `mnist_folder()`, as far as it isn't there yet.
ExitStatus data_mnist(const MnistOptions& options, const std::stop_token& stop);

/// Writes the built-in digits into a folder, as four gzipped IDX files under MNIST's names.
ExitStatus data_digits(const DigitsFolderOptions& options, const std::stop_token& stop);

/// Prints what `info_text` says of the data set that `--data` names, and writes the sheet of samples.
ExitStatus data_info(const InfoOptions& options);

/// What there is to know of a data set, as lines of text: its name, digest and sizes, the mean and standard
/// deviation of the training images' pixels (0 black to 1 white), and how many images each class has.
std::string info_text(const DataSet& data);

}  // namespace keel::tools
