#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <onnx.pb.h>

#include <cstring>
#include <fstream>
#include <limits>
#include <utility>

#include "keel/models/onnx.hpp"
#include "keel/models/onnx/file.hpp"
#include "keel/runtime/error.hpp"

namespace keel::onnx {
namespace {

namespace fs = std::filesystem;
namespace pb = ::onnx;

constexpr std::uintmax_t largest_file = std::numeric_limits<std::int32_t>::max();  // protobuf's own limit
constexpr int deepest_message = 32;  // of a network without subgraphs some six are used

template <class Message>
void parse(const fs::path& path, Message& message) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) fail_to_read(path, "there is no such file");
  const auto size = fs::file_size(path, error);
  if (error) fail_to_read(path, "it can't be read");
  if (size > largest_file) fail_to_read(path, "it is larger than 2 GiB");
  std::string bytes(size, '\0');
  if (!std::ifstream{path, std::ios::binary}.read(bytes.data(), static_cast<std::streamsize>(size)))
    fail_to_read(path, "it can't be read");
  google::protobuf::io::ArrayInputStream stream{bytes.data(), static_cast<int>(size)};
  google::protobuf::io::CodedInputStream coded{&stream};
  coded.SetTotalBytesLimit(std::numeric_limits<std::int32_t>::max());
  coded.SetRecursionLimit(deepest_message);
  if (!message.ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage())
    fail_to_read(path, "it is cut short, damaged or not an ONNX file");
}

template <class Number, class From>
std::string bytes_of(const From& numbers, std::int64_t count, std::string_view name, const fs::path& path) {
  if (numbers.size() != count)
    fail_to_read(
        path, fmt::format("array '{}' has {} values, where its shape needs {}", name, numbers.size(), count));
  std::string bytes(static_cast<std::size_t>(count) * sizeof(Number), '\0');
  for (int i = 0; i < numbers.size(); ++i) {
    const auto number = static_cast<Number>(numbers.Get(i));
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof(Number), &number, sizeof(Number));
  }
  return bytes;
}

std::string external_bytes(const pb::TensorProto& tensor, std::size_t bytes, const fs::path& path) {
  Elsewhere elsewhere{.location = {}, .offset = "0", .length = std::to_string(bytes), .bytes = bytes};
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") elsewhere.location = entry.value();
    if (entry.key() == "offset") elsewhere.offset = entry.value();
    if (entry.key() == "length") elsewhere.length = entry.value();
  }
  return read_elsewhere(path, tensor.name(), elsewhere);
}

std::string typed_bytes(const pb::TensorProto& tensor, Element element, std::int64_t count,
                        const fs::path& path) {
  const auto of = [&]<class Number>(Number, const auto& numbers) {
    return bytes_of<Number>(numbers, count, tensor.name(), path);
  };
  switch (element) {
    case Element::f32:
      return of(float{}, tensor.float_data());
    case Element::f64:
      return of(double{}, tensor.double_data());
    case Element::s64:
      return of(std::int64_t{}, tensor.int64_data());
    case Element::u64:
      return of(std::uint64_t{}, tensor.uint64_data());
    case Element::u32:
      return of(std::uint32_t{}, tensor.uint64_data());
    case Element::s32:
      return of(std::int32_t{}, tensor.int32_data());
    case Element::u16:
    case Element::s16:
    case Element::f16:
      return of(std::uint16_t{}, tensor.int32_data());
    default:
      return of(std::uint8_t{}, tensor.int32_data());
  }
}

Array array_of(pb::TensorProto& tensor, const fs::path& path) {
  Array array{.name = tensor.name(),
              .element = static_cast<Element>(tensor.data_type()),
              .extents = {tensor.dims().begin(), tensor.dims().end()}};
  const auto count = elements_of(array.extents, array.name, path);
  const auto size = size_of(array.element);
  if (tensor.has_segment() || size == 0) {
    throw OnnxUnsupported{
        fmt::format("{} can't be loaded: array '{}' is of type {}{}, which keel does not have", path.string(),
                    array.name, name_of(array.element), tensor.has_segment() ? ", in segments" : "")};
  }
  const auto bytes = static_cast<std::size_t>(count) * size;
  if (tensor.data_location() == pb::TensorProto::EXTERNAL) {
    array.bytes = external_bytes(tensor, bytes, path);
  } else if (tensor.has_raw_data()) {
    if (tensor.raw_data().size() != bytes) {
      fail_to_read(path, fmt::format("array '{}' has {} bytes, where its shape needs {}", array.name,
                                     tensor.raw_data().size(), bytes));
    }
    array.bytes = std::move(*tensor.mutable_raw_data());
  } else {
    array.bytes = typed_bytes(tensor, array.element, count, path);
  }
  return array;
}

Setting setting_of(pb::AttributeProto& attribute, const std::string& op, const fs::path& path) {
  switch (attribute.type()) {
    case pb::AttributeProto::INT:
      return attribute.i();
    case pb::AttributeProto::FLOAT:
      return attribute.f();
    case pb::AttributeProto::STRING:
      return attribute.s();
    case pb::AttributeProto::TENSOR:
      return array_of(*attribute.mutable_t(), path);
    case pb::AttributeProto::INTS:
      return std::vector<std::int64_t>{attribute.ints().begin(), attribute.ints().end()};
    case pb::AttributeProto::FLOATS:
      return std::vector<float>{attribute.floats().begin(), attribute.floats().end()};
    case pb::AttributeProto::STRINGS:
      return std::vector<std::string>{attribute.strings().begin(), attribute.strings().end()};
    default:
      throw OnnxUnsupported{fmt::format(
          "{} can't be loaded: attribute '{}' of an operator {} is a graph or of another kind that "
          "keel does not have",
          path.string(), attribute.name(), op)};
  }
}

FileNode node_of(pb::NodeProto& proto, const fs::path& path) {
  if (!proto.domain().empty() && proto.domain() != "ai.onnx") {
    throw OnnxUnsupported{
        fmt::format("{} can't be loaded: operator {} of node '{}' is of the domain '{}', which keel "
                    "does not have",
                    path.string(), proto.op_type(), proto.name(), proto.domain())};
  }
  FileNode node{proto.op_type(),
                proto.name(),
                {proto.input().begin(), proto.input().end()},
                {proto.output().begin(), proto.output().end()},
                {}};
  for (auto& attribute : *proto.mutable_attribute()) {
    if (!node.settings.emplace(attribute.name(), setting_of(attribute, node.op, path)).second)
      fail_to_read(path, fmt::format("a node {} has two attributes '{}'", node.op, attribute.name()));
  }
  return node;
}

Declared declared(const pb::ValueInfoProto& info, const fs::path& path) {
  Declared value{.name = info.name()};
  if (info.has_type() && !info.type().has_tensor_type()) {
    throw OnnxUnsupported{
        fmt::format("{} can't be loaded: '{}' is not an array, but a sequence or the like, which "
                    "keel does not have",
                    path.string(), info.name())};
  }
  const auto& type = info.type().tensor_type();
  value.element = static_cast<Element>(type.elem_type());
  value.has_shape = type.has_shape();
  for (const auto& dim : type.shape().dim())
    value.extents.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
  return value;
}

std::int64_t opset_of(const pb::ModelProto& model) {
  for (const auto& opset : model.opset_import())
    if (opset.domain().empty() || opset.domain() == "ai.onnx") return opset.version();
  return 0;
}

}  // namespace

void require_protobuf() {}

FileGraph read_file(const fs::path& path) {
  pb::ModelProto model;
  parse(path, model);
  if (!model.has_graph()) fail_to_read(path, "it has no graph");
  auto& proto = *model.mutable_graph();
  if (model.functions_size() > 0 || proto.sparse_initializer_size() > 0)
    throw OnnxUnsupported{
        fmt::format("{} can't be loaded: it has functions or sparse arrays of its own, which keel "
                    "does not have",
                    path.string())};
  FileGraph graph{.opset = opset_of(model), .name = proto.name(), .description = model.doc_string()};
  for (const auto& entry : model.metadata_props()) graph.texts.emplace(entry.key(), entry.value());
  if (graph.opset < 6 || graph.opset > 22) {
    throw OnnxUnsupported{fmt::format("{} can't be loaded: it is of opset {}, where keel reads 6 to 22",
                                      path.string(), graph.opset)};
  }
  for (auto& node : *proto.mutable_node()) graph.nodes.push_back(node_of(node, path));
  for (auto& tensor : *proto.mutable_initializer()) graph.initializers.push_back(array_of(tensor, path));
  for (const auto& info : proto.input()) graph.inputs.push_back(declared(info, path));
  for (const auto& info : proto.output()) graph.outputs.push_back(declared(info, path));
  return graph;
}

Array read_array(const fs::path& path) {
  pb::TensorProto tensor;
  parse(path, tensor);
  return array_of(tensor, path);
}

std::vector<std::string> operators_in(const fs::path& path) {
  pb::ModelProto model;
  parse(path, model);
  std::vector<std::string> operators;
  for (const auto& node : model.graph().node())
    operators.push_back((node.domain().empty() ? "" : node.domain() + ".") + node.op_type());
  return operators;
}

}  // namespace keel::onnx
