#include <onnx.pb.h>

#include <utility>

#include "keel/models/onnx/file.hpp"
#include "keel/runtime/error.hpp"

namespace keel::onnx {
namespace {

namespace pb = ::onnx;

void declare(const Declared& value, pb::ValueInfoProto& info) {
  info.set_name(value.name);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(static_cast<std::int32_t>(value.element));
  auto& shape = *type.mutable_shape();
  for (const auto extent : value.extents) {
    auto& dim = *shape.add_dim();
    extent < 0 ? dim.set_dim_param("N") : dim.set_dim_value(extent);
  }
}

void write(const Array& array, pb::TensorProto& tensor) {
  tensor.set_name(array.name);
  tensor.set_data_type(static_cast<std::int32_t>(array.element));
  for (const auto extent : array.extents) tensor.add_dims(extent);
  tensor.set_raw_data(array.bytes);
}

struct SettingWriter {
  pb::AttributeProto& attribute;

  void operator()(std::int64_t number) const {
    attribute.set_type(pb::AttributeProto::INT);
    attribute.set_i(number);
  }
  void operator()(float number) const {
    attribute.set_type(pb::AttributeProto::FLOAT);
    attribute.set_f(number);
  }
  void operator()(const std::string& text) const {
    attribute.set_type(pb::AttributeProto::STRING);
    attribute.set_s(text);
  }
  void operator()(const Array& array) const {
    attribute.set_type(pb::AttributeProto::TENSOR);
    write(array, *attribute.mutable_t());
  }
  void operator()(const std::vector<std::int64_t>& numbers) const {
    attribute.set_type(pb::AttributeProto::INTS);
    for (const auto number : numbers) attribute.add_ints(number);
  }
  void operator()(const std::vector<float>& numbers) const {
    attribute.set_type(pb::AttributeProto::FLOATS);
    for (const auto number : numbers) attribute.add_floats(number);
  }
  void operator()(const std::vector<std::string>& texts) const {
    attribute.set_type(pb::AttributeProto::STRINGS);
    for (const auto& text : texts) attribute.add_strings(text);
  }
};

// Of its arrays: the least that its file has.
std::uint64_t bytes_in(const FileGraph& graph) {
  std::uint64_t bytes = 0;
  for (const auto& array : graph.initializers) bytes += array.bytes.size();
  for (const auto& node : graph.nodes) {
    for (const auto& [name, setting] : node.settings)
      if (const auto* array = std::get_if<Array>(&setting)) bytes += array->bytes.size();
  }
  return bytes;
}

}  // namespace

std::string serialized(const FileGraph& graph) {
  require_writable(bytes_in(graph));
  pb::ModelProto model;
  model.set_ir_version(8);
  model.set_producer_name("keel");
  if (!graph.description.empty()) model.set_doc_string(graph.description);
  for (const auto& [key, value] : graph.texts) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  model.add_opset_import()->set_version(graph.opset);
  auto& proto = *model.mutable_graph();
  proto.set_name(graph.name);
  for (const auto& node : graph.nodes) {
    auto& written = *proto.add_node();
    written.set_op_type(node.op);
    written.set_name(node.name);
    for (const auto& input : node.inputs) written.add_input(input);
    for (const auto& output : node.outputs) written.add_output(output);
    for (const auto& [name, setting] : node.settings) {
      auto& attribute = *written.add_attribute();
      attribute.set_name(name);
      std::visit(SettingWriter{attribute}, setting);
    }
  }
  for (const auto& array : graph.initializers) write(array, *proto.add_initializer());
  for (const auto& value : graph.inputs) declare(value, *proto.add_input());
  for (const auto& value : graph.outputs) declare(value, *proto.add_output());
  require_writable(model.ByteSizeLong());
  std::string bytes;
  if (!model.SerializeToString(&bytes)) throw Error{"a model can't be exported: its ONNX file can't be made"};
  return bytes;
}

}  // namespace keel::onnx
