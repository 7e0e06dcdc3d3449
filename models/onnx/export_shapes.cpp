// Operators of keel that move, choose or sum elements.

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "keel/models/onnx/export.hpp"

namespace keel::onnx {
namespace {

using Numbers = std::vector<std::int64_t>;

// A target shape: one extent may be open, and is left to the reader where it depends on the number of
// samples.
std::string target(const NodeWriter& node, const Extents& extents) {
  const bool has_zero = std::ranges::any_of(extents, [](const Extent& extent) { return extent.number == 0; });
  if (std::ranges::count(extents, true, &Extent::of_samples) != 1 || has_zero)
    return node.graph().shape(extents);
  Numbers numbers;
  for (const auto& [number, of_samples] : extents) numbers.push_back(of_samples ? -1 : number);
  return node.graph().integers(numbers);
}

void reshape(const NodeWriter& node) {
  node.give("Reshape", {node.input(0), target(node, node.output_extents())});
}

void identity(const NodeWriter& node) {
  node.give("Identity", {node.input(0)});
}

void transpose(const NodeWriter& node) {
  auto permutation = node.integers("permutation");
  const auto rank = static_cast<std::int64_t>(node.shape(0).rank());
  for (auto& axis : permutation) axis += axis < 0 ? rank : 0;
  if (permutation.empty())
    for (auto axis = rank; axis > 0; --axis) permutation.push_back(axis - 1);
  node.give("Transpose", {node.input(0)}, {{"perm", permutation}});
}

void concatenate(const NodeWriter& node) {
  Numbers none;
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < node.inputs(); ++i) inputs.push_back(node.input(i));
  node.give("Concat", inputs, {{"axis", node.axis()}});
}

void slice(const NodeWriter& node) {
  constexpr auto beyond = std::numeric_limits<std::int64_t>::min() + 1;  // before the first element
  const auto step = node.integer("step");
  auto end = node.integer("end");
  if (step < 0 && end < 0) end = beyond;
  auto& graph = node.graph();
  // Counted from the back, an end of 0 would be the front.
  if (step > 0 && end == 0 && node.integer("begin") < 0)
    end = node.shape(0)[static_cast<std::size_t>(node.axis())];
  node.give("Slice", {node.input(0), graph.integers({node.integer("begin")}), graph.integers({end}),
                      graph.integers({node.axis()}), graph.integers({step})});
}

void take(const NodeWriter& node) {
  node.give("Gather", {node.input(0), node.input(1)}, {{"axis", node.axis()}});
}

void gather(const NodeWriter& node) {
  node.give("GatherElements", {node.input(0), node.input(1)}, {{"axis", node.axis()}});
}

// keel's node adds to zeros of the result's shape.
void scatter_add(const NodeWriter& node) {
  const auto zeros = node.add("Expand", {node.number_of(0.0), node.graph().shape(node.output_extents())});
  node.give("ScatterElements", {zeros, node.input(1), node.input(0)},
            {{"axis", node.axis()}, {"reduction", std::string{"add"}}});
}

void one_hot(const NodeWriter& node) {
  auto& graph = node.graph();
  const auto dtype = node.output_type().dtype;
  const auto indices = node.add("Cast", {node.input(0)}, {{"to", static_cast<std::int64_t>(Element::s64)}});
  const auto values = graph.constant(dtype == DType::f64 ? Tensor::of<double>(Shape{2}, {0.0, 1.0})
                                                         : Tensor::of<float>(Shape{2}, {0.0F, 1.0F}));
  node.give("OneHot", {indices, graph.integers({node.integer("classes")}), values},
            {{"axis", std::int64_t{-1}}});
}

void cumsum(const NodeWriter& node) {
  node.give("CumSum", {node.input(0), node.graph().integers({node.axis()})},
            {{"exclusive", node.integer("exclusive")}, {"reverse", node.integer("reverse")}});
}

void sum(const NodeWriter& node) {
  node.give("ReduceSum", {node.input(0), node.graph().integers(node.axes())},
            {{"keepdims", node.integer("keep_axes")}});
}

// Up to opset 17 the axes of all others are settings.
void reduce(const NodeWriter& node, const char* op) {
  node.give(op, {node.input(0)}, {{"axes", node.axes()}, {"keepdims", node.integer("keep_axes")}});
}

void mean(const NodeWriter& node) {
  reduce(node, "ReduceMean");
}
void max(const NodeWriter& node) {
  reduce(node, "ReduceMax");
}
void prod(const NodeWriter& node) {
  reduce(node, "ReduceProd");
}

// Over the axes along which the result would have to be stretched.
void sum_to(const NodeWriter& node) {
  const auto& src = node.extents(0);
  const auto& dst = node.output_extents();
  Numbers axes;
  for (std::size_t i = 0; i < src.size(); ++i) {
    const auto missing = src.size() - dst.size();
    if (i < missing || dst[i - missing] != src[i]) axes.push_back(static_cast<std::int64_t>(i));
  }
  const auto kept =
      node.add("ReduceSum", {node.input(0), node.graph().integers(axes)}, {{"keepdims", std::int64_t{1}}});
  node.give("Reshape", {kept, target(node, dst)});
}

void argmax(const NodeWriter& node) {
  const auto places =
      node.add("ArgMax", {node.input(0)}, {{"axis", node.axis()}, {"keepdims", std::int64_t{0}}});
  node.give("Cast", {places}, {{"to", static_cast<std::int64_t>(Element::s32)}});
}

void broadcast_to(const NodeWriter& node) {
  const auto shape = node.graph().shape(node.output_extents());
  if (node.number("scale") == 1.0) return node.give("Expand", {node.input(0), shape});
  node.give("Mul", {node.add("Expand", {node.input(0), shape}), node.number_of(node.number("scale"))});
}

}  // namespace

std::span<const Translation> shape_translations() {
  static constexpr std::array translations{
      Translation{"reshape", reshape},
      Translation{"flatten", reshape},
      Translation{"stop_gradient", identity},
      Translation{"transpose", transpose},
      Translation{"concatenate", concatenate},
      Translation{"slice", slice},
      Translation{"take", take},
      Translation{"gather", gather},
      Translation{"scatter_add", scatter_add},
      Translation{"one_hot", one_hot},
      Translation{"cumsum", cumsum},
      Translation{"sum", sum},
      Translation{"mean", mean},
      Translation{"max", max},
      Translation{"prod", prod},
      Translation{"sum_to", sum_to},
      Translation{"argmax", argmax},
      Translation{"broadcast_to", broadcast_to},
  };
  return translations;
}

}  // namespace keel::onnx
