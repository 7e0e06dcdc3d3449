#include "keel/graph/memory_format.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "keel/runtime/onednn.hpp"

namespace keel {
namespace {

bool is_image(const ValueType& type) {
  return type.shape.rank() == 4 && type.dtype == DType::f32;
}

// With one channel or one pixel both formats are the same bytes.
bool formats_differ(const Shape& shape) {
  return shape[1] > 1 && shape[2] * shape[3] > 1;
}

class ReorderOp final : public Operator {
 public:
  ReorderOp(MemoryFormat from, MemoryFormat to) : from_(from), to_(to) {}
  [[nodiscard]] std::string_view name() const override { return "reorder"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {inputs[0]};
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto src = onednn::image(binding.input_type(0).shape, from_);
    const auto dst = onednn::image(binding.output_type(0).shape, to_);
    auto call = onednn::reorder(src, dst);
    call.argument(DNNL_ARG_FROM, src, binding.input_slot(0));
    call.argument(DNNL_ARG_TO, dst, binding.output_slot(0));
    Slot* scratch = binding.scratch(call.scratch_bytes());
    return std::move(call).kernel(scratch);
  }

 private:
  MemoryFormat from_;
  MemoryFormat to_;
};

class FormatAssignment {
 public:
  explicit FormatAssignment(Program& program) : program_(program) {}

  void run(std::vector<std::size_t>& outputs) {
    std::deque<Node> nodes = std::move(program_.nodes);
    program_.nodes.clear();
    for (auto& node : nodes) append(std::move(node));
    for (auto& id : outputs) {
      const auto where = program_.nodes.empty() ? SourceLocation::current() : program_.nodes.back().where;
      id = in_format(id, MemoryFormat::row_major, where);
    }
  }

 private:
  void append(Node node) {
    const auto wanted = wanted_by(node);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (is_image(program_.values[node.inputs[i]].type)) {
        node.inputs[i] = in_format(node.inputs[i], wanted.inputs[i], node.where);
      }
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      auto& value = program_.values[node.outputs[i]];
      if (is_image(value.type)) value.format = wanted.outputs[i];
    }
    for (const auto id : program_.mutated_by(node)) {
      std::erase_if(reordered_, [&](const auto& entry) { return entry.first.first == id; });
    }
    program_.nodes.push_back(std::move(node));
  }

  [[nodiscard]] Formats wanted_by(const Node& node) const {
    return node.op->formats(program_.types(node.inputs), program_.formats(node.inputs),
                            program_.types(node.outputs));
  }

  // The value that has the elements of value `id` in `format`.
  std::size_t in_format(std::size_t id, MemoryFormat format, const SourceLocation& where) {
    const auto [type, from] = std::pair{program_.values[id].type, program_.values[id].format};
    if (!is_image(type) || from == format || !formats_differ(type.shape)) return id;
    const auto [found, is_new] = reordered_.try_emplace({id, format}, program_.values.size());
    if (is_new) {
      program_.values.push_back({.type = type, .name = {}, .storage = {}, .format = format});
      program_.nodes.push_back({.op = std::make_shared<ReorderOp>(from, format),
                                .inputs = {id},
                                .outputs = {found->second},
                                .where = where});
    }
    return found->second;
  }

  Program& program_;
  std::map<std::pair<std::size_t, MemoryFormat>, std::size_t> reordered_;
};

}  // namespace

void assign_memory_formats(Program& program, std::vector<std::size_t>& outputs) {
  FormatAssignment{program}.run(outputs);
}

}  // namespace keel
