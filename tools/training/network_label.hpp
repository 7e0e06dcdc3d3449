#pragma once

#include <map>
#include <string>
#include <vector>

#include "keel/tools/data/image_set.hpp"
#include "keel/tools/training/network_description.hpp"

namespace keel::tools {

/// What the file of a network says of it besides its weights, in its `__metadata__`: enough to use it without
/// being told anything else.
struct NetworkLabel {
  NetworkDescription network;
  std::vector<std::string> class_names;
  bool light_background = false;  ///< of the images that it was trained on
  bool pytorch_names = false;     ///< whether its arrays are called as PyTorch calls them
};

/// The label of a network for such data.
NetworkLabel label_for(const DataSet& data, const NetworkDescription& network);

/// As texts of a file, with the scaling of pixels.
std::map<std::string, std::string> texts_of(const NetworkLabel& label);

/// Reads it from the texts of a file. Throws Error, a sentence about the file ("it says nothing of ..."),
/// when they have no label, or one that makes no sense.
NetworkLabel label_in(const std::map<std::string, std::string>& texts);

}  // namespace keel::tools
