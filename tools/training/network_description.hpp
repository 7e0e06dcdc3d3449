#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "keel/tools/training/network.hpp"

namespace keel::tools {

/// What a classifier of images is, without its weights: all that is needed to make it again. A `Network` by
/// its standard rules.
struct NetworkDescription {
  std::int64_t height = 28;  ///< of an image
  std::int64_t width = 28;
  std::vector<std::int64_t> channels =
      {};  ///< of the convolutions in front; none for a multilayer perceptron
  std::vector<std::int64_t> hidden = {128};
  std::int64_t classes = 10;
  Norm norm = Norm::none;
  Activation activation = Activation::relu;
  double dropout = 0.0;
  bool bias_before_norm = false;

  bool operator==(const NetworkDescription&) const = default;
};

/// "image=28x28 channels=16-32 hidden=128 classes=10 norm=batch activation=relu dropout=0
/// bias=not-before-norm".
std::string text_of(const NetworkDescription& network);

/// Reads such a text. Throws Error, with what is wrong with it, for any other; numbers are bounded, so that
/// those of a file can be computed with, but may stand for far more weights than the file holds: see
/// `trained_numbers`.
NetworkDescription parse_network(std::string_view text);

/// How many numbers it would train, as a floating-point number since it may be any.
double trained_numbers(const NetworkDescription& network);

/// How many layers it has that have parameters.
std::size_t layer_count(const NetworkDescription& network);

/// Throws Error for a network that can't be, such as one with more convolutions than its images allow.
NetworkOptions options_of(const NetworkDescription& network);

/// "none", "batch", "layer" or "group".
std::string name_of(Norm norm);
/// Throw Error for other words than these.
Norm parse_norm(std::string_view word);
Activation parse_activation(std::string_view word);

}  // namespace keel::tools
