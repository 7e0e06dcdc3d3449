#include "keel/models/onnx.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "fuzz.hpp"
#include "keel/keel.hpp"

namespace keel::fuzz {
namespace {

template <class Model>
std::string onnx_file_of(Model model, const Shape& sample, const ExportOptions& options = {}) {
  initialize(model, Rng{1});
  const auto path = std::filesystem::temp_directory_path() / fmt::format("keel-fuzz-{}", ::getpid());
  export_onnx(model, sample, path, options);
  std::ifstream stream{path, std::ios::binary};
  std::string content{std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{}};
  std::filesystem::remove(path);
  return content;
}

}  // namespace

void read(std::span<const std::uint8_t> bytes) {
  const MemoryFile file{text_of(bytes)};
  const auto model = load_onnx(file.path());
  // What can be checked only once shapes are known: of small inputs.
  Tape tape{Mode::inference};
  std::vector<Var> inputs;
  for (const auto& declared : model.inputs()) {
    std::vector<std::int64_t> extents = declared.extents;
    for (auto& extent : extents) extent = extent < 0 ? 2 : std::min<std::int64_t>(extent, 16);
    if (extents.size() > Shape::max_rank) return;
    inputs.push_back(tape.input(Shape{extents}));
  }
  (void)model.apply(tape, inputs);
}

std::vector<std::string> seeds() {
  return {
      onnx_file_of(Sequential{Linear{3, 4}, BatchNorm{4}, relu, Linear{4, 2}}, {3}),
      onnx_file_of(Sequential{Linear{3, 4}, BatchNorm{4}, relu, Linear{4, 2}}, {3}, {.fold = true}),
      onnx_file_of(Sequential{Conv2d{1, 2, 3, {.padding = 1}},
                              [](const Var& v) { return flatten(max_pool2d(v, {.kernel = 2, .stride = 2})); },
                              Linear{8, 2}},
                   {1, 4, 4}),
      onnx_file_of(Sequential{[](const Var& v) { return softmax(gelu(tanh(v) * 2.0 + 1.0)); }, LayerNorm{3},
                              Linear{3, 2}},
                   {3}),
  };
}

}  // namespace keel::fuzz
