#include "keel/tools/commands/export_command.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "keel/tools/training/classifier.hpp"
#include "keel/tools/training/onnx_network.hpp"

namespace keel::tools {
namespace {

void require_another_file(const std::string& from, const std::string& to) {
  std::error_code error;
  if (std::filesystem::equivalent(from, to, error))
    throw UsageError{fmt::format("'{}' is the file to read; name another to write", to)};
}

LabelledNetwork read_any_network(const std::string& file) {
  return is_onnx(file) ? import_onnx_network(file) : load_network(file);
}

}  // namespace

ExitStatus export_network(const ExportOptions& options) {
  if (options.onnx.empty() == options.safetensors.empty())
    throw UsageError{"keel export writes one file: name it by --onnx or by --safetensors"};
  if (!options.onnx.empty() && options.names != "keel")
    throw UsageError{"--names is for --safetensors; an ONNX file has names of its own"};
  const auto& out = options.onnx.empty() ? options.safetensors : options.onnx;
  require_another_file(options.file, out);
  auto network = read_any_network(options.file);
  if (!options.onnx.empty()) {
    export_onnx_network(network, options.onnx, options.fold);
  } else {
    if (options.fold) network = folded(network);
    network.label.pytorch_names = options.names == "torch";
    save_network(network, options.safetensors);
  }
  fmt::print("{}\n", out);
  return ExitStatus::done;
}

ExitStatus import_network(const ImportOptions& options) {
  require_another_file(options.file, options.out);
  if (!is_onnx(options.file) && std::filesystem::exists(options.file))
    throw UsageError{fmt::format("'{}' is no ONNX file; keel import reads such", options.file)};
  save_network(import_onnx_network(options.file), options.out);
  fmt::print("{}\n", options.out);
  return ExitStatus::done;
}

}  // namespace keel::tools
