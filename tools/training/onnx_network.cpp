#include "keel/tools/training/onnx_network.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "keel/models/onnx.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/tools/system/refuse.hpp"
#include "keel/tools/training/recognized_network.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

// The images that a file declares: (N, pixels), (N, height, width) or (N, 1, height, width).
struct DeclaredImages {
  std::vector<std::int64_t> extents;  // of one image
  std::int64_t height;
  std::int64_t width;
};

DeclaredImages declared_images(const OnnxModel& model, const fs::path& path) {
  if (model.inputs().size() != 1)
    refuse(path, "has {} inputs, where a classifier of images has one", model.inputs().size());
  const auto& input = model.inputs().front();
  const auto& all = input.extents;
  const std::vector<std::int64_t> image(all.begin() + (all.empty() ? 0 : 1), all.end());
  const bool known =
      std::ranges::all_of(image, [](std::int64_t extent) { return extent >= 1 && extent <= 100'000; });
  if (input.element_type == "float" && known && image.size() == 1) {
    const auto side = std::llround(std::sqrt(static_cast<double>(image[0])));
    const bool square = side * side == image[0];
    return {image, square ? side : 1, square ? side : image[0]};
  }
  if (input.element_type == "float" && known && image.size() == 2) return {image, image[0], image[1]};
  if (input.element_type == "float" && known && image.size() == 3 && image[0] == 1)
    return {image, image[1], image[2]};
  refuse(path,
         "takes {} [{}], where a classifier of grey images takes float [N, pixels] or [N, 1, height, width]",
         input.element_type, fmt::join(all, ", "));
}

UnknownNetwork read_unknown(const std::shared_ptr<OnnxModel>& model, const fs::path& path) {
  const auto images = declared_images(*model, path);
  const auto operators = model->operators();
  const bool probabilities = !operators.empty() && operators.back() == "Softmax";
  std::vector<std::int64_t> extents{-1};
  extents.insert(extents.end(), images.extents.begin(), images.extents.end());
  UnknownNetwork result{.height = images.height,
                        .width = images.width,
                        .operators = operators,
                        .model = [model, extents, probabilities](const Var& flat) {
                          const Var dst = (*model)(extents.size() == 2 ? flat : reshape(flat, extents));
                          return probabilities ? log(dst + 1e-30) : dst;
                        }};
  Tape tape{Mode::inference};
  const Var logits = result.model(tape.input({Shape{2, images.height * images.width}, DType::f32}, "images"));
  if (logits.shape().rank() != 2 || logits.shape()[0] != 2 || logits.shape()[1] < 2)
    refuse(path, "gives {} for two images, where a classifier gives a number for each class",
           to_string(logits.shape()));
  result.classes = logits.shape()[1];
  return result;
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

}  // namespace

Classifier load_onnx_classifier(const fs::path& path) {
  return reading([&] {
    auto unknown = read_unknown(std::make_shared<OnnxModel>(load_onnx(path)), path);
    Classifier classifier{
        .height = unknown.height, .width = unknown.width, .class_names = {}, .model = unknown.model};
    for (std::int64_t i = 0; i < unknown.classes; ++i) classifier.class_names.push_back(std::to_string(i));
    return classifier;
  });
}

LabelledNetwork import_onnx_network(const fs::path& path) {
  return reading([&] {
    const auto model = std::make_shared<OnnxModel>(load_onnx(path));
    if (auto network = recognize(read_unknown(model, path))) return std::move(*network);
    const auto operators = model->operators();
    refuse(
        path,
        "is none of the networks that keel train makes, of convolutions, linear layers and batch norms; its "
        "operators are {}; keel evaluate and keel predict take it as it is",
        fmt::join(std::set<std::string>{operators.begin(), operators.end()}, ", "));
  });
}

void export_onnx_network(const LabelledNetwork& network, const fs::path& path, bool fold) {
  const auto& label = network.label.network;
  export_onnx(*network.network, Shape{label.height * label.width}, path, {.fold = fold});
}

}  // namespace keel::tools
