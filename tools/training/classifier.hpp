#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keel/tools/training/evaluator.hpp"
#include "keel/tools/training/network_label.hpp"

namespace keel::tools {

/// A network with its weights, and what its file says of it.
struct LabelledNetwork {
  NetworkLabel label;
  std::unique_ptr<Network> network;
};

/// Reads the network of a file that keel wrote: of `keel train`, a checkpoint of its, `keel export` or `keel
/// import`. Its dropouts are left out, since they do nothing in inference. Throws DataError, a sentence with
/// the file's name, where it can't be read, is damaged or does not say what network it is. Sizes that it
/// claims are never trusted with an allocation that its weights do not justify.
LabelledNetwork load_network(const std::filesystem::path& path);

/// Writes the network with its label, whole or not at all, its arrays named as PyTorch names them if the
/// label says so: then layers have the biases that PyTorch's have by default, of zeros before a batch norm.
void save_network(const LabelledNetwork& source, const std::filesystem::path& path);

/// The same function without its batch norms, each folded into the layer before.
LabelledNetwork folded(const LabelledNetwork& source);

/// What tells images apart.
struct Classifier {
  std::int64_t height = 0;  ///< of the images that it takes
  std::int64_t width = 0;
  std::vector<std::string> class_names;
  std::optional<bool> light_background = false;  ///< of the images that it was trained on; none if not known
  std::int64_t largest_batch = 1000;             ///< images that the model takes at once
  Evaluator::Model model;                        ///< scaled images (N, pixels) to logits (N, classes)
};

/// Reads the network of a file as `load_network` does, or that of an ONNX file.
Classifier load_classifier(const std::filesystem::path& path);

/// Whether a file is taken for one of ONNX: by its first bytes, or its name's end where these say nothing.
bool is_onnx(const std::filesystem::path& path);

}  // namespace keel::tools
