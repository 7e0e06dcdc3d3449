#pragma once

#include <filesystem>

#include "keel/tools/training/classifier.hpp"

namespace keel::tools {

// Networks from and to ONNX. All throw Error, saying which packages are missing, where keel was built without
// ONNX.

/// Reads a classifier of images from an ONNX file. Throws DataError where it can't be read or is none.
Classifier load_onnx_classifier(const std::filesystem::path& path);

/// Reads the network of an ONNX file as one with a label of its own. Throws DataError where it can't be read
/// or is no such network.
LabelledNetwork import_onnx_network(const std::filesystem::path& path);

/// Writes a network as an ONNX file, for batches of any size; its batch norms as they are, or folded away.
void export_onnx_network(const LabelledNetwork& network, const std::filesystem::path& path, bool fold);

}  // namespace keel::tools
