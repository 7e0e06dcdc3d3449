#pragma once

#include <string>

#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// `keel export`. One of `onnx` and `safetensors` is the file to write.
struct ExportOptions {
  std::string file;
  std::string onnx;
  std::string safetensors;
  bool fold = false;
  std::string names = "keel";  ///< "keel" or "torch"
};

/// `keel import`.
struct ImportOptions {
  std::string file;
  std::string out;
};

/// Writes the network of a file in another format.
ExitStatus export_network(const ExportOptions& options);
/// Writes the network of an ONNX file as one of keel's own.
ExitStatus import_network(const ImportOptions& options);

}  // namespace keel::tools
