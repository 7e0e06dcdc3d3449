#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace keel::test {

/// Where ONNX's own tests lie: $KEEL_ONNX_TESTDATA, or where Debian's libonnx-testdata puts them.
std::filesystem::path onnx_testdata();

/// How keel did on one of them.
struct OnnxOutcome {
  enum class Kind { passed, unsupported, failed };
  std::string name;  ///< of its folder
  Kind kind;
  std::string why;                     ///< where it did not pass
  std::vector<std::string> operators;  ///< of its nodes
};

/// Runs the network in `folder` on its inputs, and compares with its outputs.
OnnxOutcome run_onnx_test(const std::filesystem::path& folder);

}  // namespace keel::test
