// In the place of file_protobuf.cpp where onnx.proto was not to be had when keel was built.

#include "keel/models/onnx/file.hpp"
#include "keel/runtime/error.hpp"

namespace keel::onnx {

void require_protobuf() {
  throw Error{
      "keel was built without ONNX: install the packages libonnx-dev, libprotobuf-dev and protobuf-compiler, and "
      "build it again"};
}

FileGraph read_file(const std::filesystem::path&) {
  require_protobuf();
  return {};
}

Array read_array(const std::filesystem::path&) {
  require_protobuf();
  return {};
}

std::vector<std::string> operators_in(const std::filesystem::path&) {
  require_protobuf();
  return {};
}

std::string serialized(const FileGraph&) {
  require_protobuf();
  return {};
}

}  // namespace keel::onnx
