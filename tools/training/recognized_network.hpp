#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "keel/tools/training/classifier.hpp"

namespace keel::tools {

/// A network of which only the operators are known, as from an ONNX file.
struct UnknownNetwork {
  std::int64_t height = 0;  ///< of its images
  std::int64_t width = 0;
  std::int64_t classes = 0;
  std::vector<std::string> operators;  ///< as ONNX calls them: "Gemm", "Relu"
  Evaluator::Model model;              ///< images (N, height * width) to logits
};

/// The same as a network with a description, its batch norms among them. A guess by the operators and by the
/// shapes of the parameters in the order in which they are used, which counts only where it computes the same
/// logits of random images: none where it does not, or where there is no such guess.
std::optional<LabelledNetwork> recognize(const UnknownNetwork& unknown);

}  // namespace keel::tools
