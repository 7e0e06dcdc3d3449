#pragma once

#include <map>
#include <optional>
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
  std::optional<bool> light_background = false;  ///< of the images that it was trained on; none if not known
  bool pytorch_names = false;                    ///< whether its arrays are called as PyTorch calls them
};

/// Names of classes as files have them: what is not UTF-8, as a folder's name may be, as U+FFFD, each
/// different from the others.
std::vector<std::string> written_names(const std::vector<std::string>& names);

/// The label of a network for such data, whose classes it calls by their written names.
NetworkLabel label_for(const DataSet& data, const NetworkDescription& network);

/// As texts of a file, with the scaling of pixels.
std::map<std::string, std::string> texts_of(const NetworkLabel& label);

/// Reads it from the texts of a file. Throws Error, a sentence about the file ("it says nothing of ..."),
/// when they have no label, or one that makes no sense.
NetworkLabel label_in(const std::map<std::string, std::string>& texts);

/// The label as texts of an ONNX file, under keys that begin with "keel.".
std::map<std::string, std::string> onnx_texts_of(const NetworkLabel& label);

/// What the texts of an ONNX file say of its images. All of it may be missing.
struct OnnxLabel {
  std::int64_t height = 0;  ///< 0: not said
  std::int64_t width = 0;
  std::vector<std::string> class_names;
  std::optional<bool> light_background;
};
/// Throws Error, a sentence about the file, where what they say makes no sense.
OnnxLabel onnx_label_in(const std::map<std::string, std::string>& texts);

}  // namespace keel::tools
