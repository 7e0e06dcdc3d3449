#pragma once

#include "keel/tools/training/classifier.hpp"

namespace keel::tools {

/// A network of which only what it computes is known, as from an ONNX file.
struct UnknownNetwork {
  std::int64_t height = 0;  ///< of its images
  std::int64_t width = 0;
  std::int64_t classes = 0;
  std::int64_t batch = 2;  ///< images that it may be given at once
  Evaluator::Model model;  ///< images (batch, height * width) to logits
};

/// The same as a network with a description, its norms among them: by the operators that the model records,
/// which must be those of a network of `keel train` with exactly its settings. That it computes the same
/// logits of random images, small and large ones, is checked besides. Throws Error where it is no such
/// network, a clause about it that names the operator and its settings: "has the operator clamp (lower 0,
/// upper 6), ...".
LabelledNetwork recognize(const UnknownNetwork& unknown);

}  // namespace keel::tools
