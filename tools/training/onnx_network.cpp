#include "keel/tools/training/onnx_network.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "keel/models/onnx.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/pad.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/slice.hpp"
#include "keel/tools/system/refuse.hpp"
#include "keel/tools/training/recognized_network.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

// The images that a file declares: (N, pixels), (N, height, width) or (N, 1, height, width).
struct DeclaredImages {
  std::int64_t batch;                 // -1: any
  std::vector<std::int64_t> extents;  // of one image
  std::int64_t height;
  std::int64_t width;
};

// Of images that are rows of pixels: as the file says, or square.
DeclaredImages declared_rows(std::int64_t batch, std::int64_t pixels, const OnnxLabel& label,
                             const fs::path& path) {
  if (label.height > 0) return {batch, {pixels}, label.height, label.width};
  const auto side = std::llround(std::sqrt(static_cast<double>(pixels)));
  if (side * side == pixels) return {batch, {pixels}, side, side};
  refuse(
      path,
      "takes {} pixels an image, which are no square, and does not say their height and width; declare its "
      "input as [N, 1, height, width], or put 'keel.image' into its metadata, such as '12x6'",
      pixels);
}

DeclaredImages declared_images(const OnnxModel& model, const OnnxLabel& label, const fs::path& path) {
  if (model.inputs().size() != 1)
    refuse(path, "has {} inputs, where a classifier of images has one", model.inputs().size());
  const auto& input = model.inputs().front();
  const auto& all = input.extents;
  const std::vector<std::int64_t> image(all.begin() + (all.empty() ? 0 : 1), all.end());
  const bool known =
      std::ranges::all_of(image, [](std::int64_t extent) { return extent >= 1 && extent <= 100'000; });
  const bool is_image = image.size() == 2 || (image.size() == 3 && image[0] == 1);
  if (input.element_type != "float" || !known || (!is_image && image.size() != 1)) {
    refuse(
        path,
        "takes {} [{}], where a classifier of grey images takes float [N, pixels] or [N, 1, height, width]",
        input.element_type, fmt::join(all, ", "));
  }
  auto images = image.size() == 1 ? declared_rows(all[0], image[0], label, path)
                                  : DeclaredImages{all[0], image, image[image.size() - 2], image.back()};
  const auto pixels = images.height * images.width;
  const auto taken = image.size() == 1 ? image[0] : image[image.size() - 2] * image.back();
  if (pixels != taken || (label.height > 0 && label.height != images.height))
    refuse(path, "takes {} pixels an image, but its metadata say that they are {} x {}", taken, label.height,
           label.width);
  return images;
}

// What is brought into another shape alone, but for its rows, is the same.
const Node* maker_behind(const Program& program, std::size_t& value) {
  for (auto i = program.nodes.size(); i-- > 0;) {
    const auto& node = program.nodes[i];
    if (std::ranges::find(node.outputs, value) == node.outputs.end()) continue;
    if (node.op->name() != "reshape" && node.op->name() != "flatten") return &node;
    value = node.inputs[0];
  }
  return nullptr;
}

// The output as logits: what a softmax makes probabilities of, wherever in the file it stands.
Var logits_of_output(const Var& output, const fs::path& path) {
  Tape& tape = output.tape();
  auto value = output.id();
  const auto* maker = maker_behind(tape.program(), value);
  if (maker == nullptr || maker->op->name() != "softmax") return output;
  const Var src = tape.var(maker->inputs[0]);
  const auto axis =
      axis_of(static_cast<std::int64_t>(maker->op->attributes().at(0).numbers.at(0)), src.shape());
  const auto classes = output.shape()[1];
  if (src.shape()[axis] != classes || axis == 0)
    refuse(path, "has a softmax along an axis that is not that of its {} classes", classes);
  return src.shape() == output.shape() ? src : reshape_to(src, output.shape());
}

// Of several outputs the first that has a number for each class.
Var logits_in(const OnnxModel& model, const Var& images, const fs::path& path) {
  const auto outputs = model.apply(std::span{&images, 1});
  for (const auto& output : outputs) {
    const auto shape = output.shape();
    if (output.dtype() == DType::f32 && shape.rank() == 2 && shape[0] == images.shape()[0] && shape[1] >= 2)
      return logits_of_output(output, path);
  }
  refuse(path, "gives {} for {} images, where a classifier gives a number for each class",
         outputs.empty() ? "nothing" : to_string(outputs.front().shape()), images.shape()[0]);
}

// What a file is wrong in is bad input.
template <class Function>
auto reading(const Function& function) {
  try {
    return function();
  } catch (const DataError&) {
    throw;
  } catch (const Error& error) {
    throw DataError{error.what()};
  }
}

// A file that is read: images (batch, pixels) to logits.
struct ReadFile {
  UnknownNetwork network;
  OnnxLabel label;
  bool any_batch = true;  // else the model takes `network.batch` images, no more and no fewer
};

std::int64_t classes_of(const Evaluator::Model& model, std::int64_t batch, std::int64_t pixels) {
  Tape tape{Mode::inference};
  return model(tape.input({Shape{batch, pixels}, DType::f32}, "images")).shape()[1];
}

// Many files are made for one image at a time, and not all of these say so.
void find_batch(ReadFile& read, std::int64_t declared, const fs::path& path) {
  auto& network = read.network;
  const auto pixels = network.height * network.width;
  constexpr std::int64_t most = 1000;
  if (declared > most)
    refuse(path, "is for batches of {} images, where keel takes {}; export it for batches of any size",
           declared, most);
  if (declared > 0) {
    read.any_batch = false;
    network.batch = declared;
    network.classes = classes_of(network.model, declared, pixels);
    return;
  }
  std::string why;
  try {
    network.classes = classes_of(network.model, 2, pixels);
    if (classes_of(network.model, 3, pixels) == network.classes) return;
  } catch (const Error& error) {
    why = error.what();
  }
  try {
    network.classes = classes_of(network.model, 1, pixels);
  } catch (const Error&) {
    throw DataError{why};
  }
  read.any_batch = false;
  network.batch = 1;
}

ReadFile read_classifier_file(const std::shared_ptr<OnnxModel>& model, const fs::path& path) {
  ReadFile read;
  try {
    read.label = onnx_label_in(model->texts());
  } catch (const Error& error) {
    refuse(path, "can't be used: {}", error.what());
  }
  const auto images = declared_images(*model, read.label, path);
  read.network.height = images.height;
  read.network.width = images.width;
  read.network.model = [model, image = images.extents, path](const Var& flat) {
    return reading([&] {
      auto extents = image;
      extents.insert(extents.begin(), flat.shape()[0]);
      return logits_in(*model, extents.size() == 2 ? flat : reshape(flat, extents), path);
    });
  };
  find_batch(read, images.batch, path);
  auto& names = read.label.class_names;
  if (!names.empty() && std::ssize(names) != read.network.classes)
    refuse(path, "tells {} classes apart, but its metadata name {}", read.network.classes, names.size());
  const bool unnamed = names.empty();
  for (std::int64_t i = 0; unnamed && i < read.network.classes; ++i) names.push_back(std::to_string(i));
  return read;
}

// Fewer images than a model takes are given to it with black ones behind them.
Evaluator::Model filled_up(const UnknownNetwork& network) {
  return [model = network.model, batch = network.batch](const Var& images) {
    const auto count = images.shape()[0];
    if (count == batch) return model(images);
    const std::vector<PadWidths> widths{{0, batch - count}, {0, 0}};
    return slice(model(pad(images, widths)), 0, 0, count);
  };
}

}  // namespace

Classifier load_onnx_classifier(const fs::path& path) {
  return reading([&] {
    auto read = read_classifier_file(std::make_shared<OnnxModel>(load_onnx(path)), path);
    auto& network = read.network;
    Classifier classifier{.height = network.height,
                          .width = network.width,
                          .class_names = std::move(read.label.class_names),
                          .light_background = read.label.light_background,
                          .model = network.model};
    if (!read.any_batch) {
      classifier.largest_batch = network.batch;
      classifier.model = filled_up(network);
    }
    return classifier;
  });
}

LabelledNetwork import_onnx_network(const fs::path& path) {
  return reading([&] {
    auto read = read_classifier_file(std::make_shared<OnnxModel>(load_onnx(path)), path);
    try {
      auto result = recognize(read.network);
      result.label.class_names = std::move(read.label.class_names);
      result.label.light_background = read.label.light_background;
      return result;
    } catch (const DataError&) {
      throw;
    } catch (const Error& error) {
      refuse(
          path,
          "is none of the networks that keel train makes: it {}; keel evaluate and keel predict take it as it is",
          error.what());
    }
  });
}

void export_onnx_network(const LabelledNetwork& network, const fs::path& path, bool fold) {
  const auto& label = network.label.network;
  const auto texts = onnx_texts_of(network.label);
  const auto description = fmt::format(
      "A classifier of grey images of {} x {} pixels, row by row, each byte scaled by {}: from -1 to 1, the same as "
      "(byte / 255 - 0.5) / 0.5. The output are logits.",
      label.height, label.width, texts.at("keel.pixel_scaling"));
  export_onnx(*network.network, Shape{label.height * label.width}, path,
              {.fold = fold, .description = description, .texts = texts});
}

}  // namespace keel::tools
