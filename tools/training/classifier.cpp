#include "keel/tools/training/classifier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string_view>

#include "keel/models/checkpoint.hpp"
#include "keel/models/safetensors.hpp"
#include "keel/tools/system/refuse.hpp"
#include "keel/tools/training/onnx_network.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

// All of the arrays together, which were checked against the file's size.
double numbers_in(const Safetensors& file) {
  double count = 0.0;
  for (const auto& [name, entry] : file.entries()) count += static_cast<double>(entry.shape.elements());
  return count;
}

LabelledNetwork read_network(const fs::path& path) {
  const Safetensors file{path};
  LabelledNetwork result;
  try {
    result.label = label_in(file.metadata());
    auto network = result.label.network;
    if (const auto count = trained_numbers(network); count > numbers_in(file))
      throw Error{fmt::format("it says that its network has {:.0f} weights, which it does not hold", count)};
    network.dropout = 0.0;
    result.network = std::make_unique<Network>(options_of(network));
  } catch (const Error& error) {
    refuse(path, "can't be used: {}", error.what());
  }
  const auto without_streams = [](const std::string& name) { return name.ends_with(".stream") ? "" : name; };
  load_checkpoint(
      *result.network, path,
      {.names = result.label.pytorch_names ? Names::pytorch : Names::keel, .rename = without_streams});
  for (const auto& [name, parameter] : parameters(*result.network)) {
    if (parameter->value().dtype() == parameter->dtype(DType::f32)) continue;
    refuse(path, "can't be used: '{}' is {} in it, and keel's networks of images are of f32", name,
           name_of(parameter->value().dtype()));
  }
  return result;
}

// The length of a header of JSON, which the file has room for.
bool is_safetensors(const std::string& begin, std::uintmax_t size) {
  if (begin.size() < 9 || begin[8] != '{') return false;
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;) length = length << 8U | static_cast<unsigned char>(begin[i]);
  return length <= size - 8;
}

}  // namespace

bool is_onnx(const fs::path& path) {
  const auto extension = path.extension().string();
  constexpr std::string_view named = ".onnx";
  const bool is_named = std::ranges::equal(extension, named, [](char a, char b) {
    return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b);
  });
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return is_named;
  std::string begin(9, '\0');
  std::ifstream stream{path, std::ios::binary};
  stream.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  begin.resize(static_cast<std::size_t>(stream.gcount()));
  if (is_safetensors(begin, fs::file_size(path, error))) return false;
  // Tags of the fields that a model has: the version, producer, ..., the graph and its metadata.
  constexpr std::string_view tags = "\x08\x12\x1A\x22\x28\x32\x3A\x42\x72";
  return is_named || (!begin.empty() && tags.find(begin[0]) != std::string_view::npos);
}

LabelledNetwork load_network(const fs::path& path) {
  try {
    return read_network(path);
  } catch (const DataError&) {
    throw;
  } catch (const Error& error) {
    throw DataError{error.what()};
  }
}

Classifier load_classifier(const fs::path& path) {
  if (is_onnx(path)) return load_onnx_classifier(path);
  auto [label, network] = load_network(path);
  return {.height = label.network.height,
          .width = label.network.width,
          .class_names = std::move(label.class_names),
          .light_background = label.light_background,
          .model = [network = std::shared_ptr<Network>{std::move(network)}](const Var& images) {
            return (*network)(images);
          }};
}

}  // namespace keel::tools
