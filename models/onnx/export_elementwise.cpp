// Operators of keel that work element by element.

#include <array>
#include <cmath>

#include "keel/models/onnx/export.hpp"

namespace keel::onnx {
namespace {

template <const char* op>
void same(const NodeWriter& node) {
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < node.inputs(); ++i) inputs.push_back(node.input(i));
  node.give(op, inputs);
}

constexpr char Add[] = "Add", Sub[] = "Sub", Mul[] = "Mul", Div[] = "Div", Max[] = "Max", Min[] = "Min",
               Neg[] = "Neg", Exp[] = "Exp", Log[] = "Log", Sqrt[] = "Sqrt", Relu[] = "Relu",
               Sigmoid[] = "Sigmoid", Tanh[] = "Tanh", Abs[] = "Abs", Sign[] = "Sign", Floor[] = "Floor",
               Ceil[] = "Ceil", Round[] = "Round", Softplus[] = "Softplus", Erf[] = "Erf", Sin[] = "Sin",
               Cos[] = "Cos", Greater[] = "Greater", GreaterOrEqual[] = "GreaterOrEqual", Less[] = "Less",
               LessOrEqual[] = "LessOrEqual", Equal[] = "Equal";

Settings to_type(DType dtype) {
  return {{"to", static_cast<std::int64_t>(element_of(dtype))}};
}

// ONNX has truth values, keel 1 and 0.
template <const char* op>
void comparison(const NodeWriter& node) {
  node.give("Cast", {node.add(op, {node.input(0), node.input(1)})}, to_type(node.output_type().dtype));
}

void not_equal(const NodeWriter& node) {
  const auto equal = node.add("Equal", {node.input(0), node.input(1)});
  node.give("Cast", {node.add("Not", {equal})}, to_type(node.output_type().dtype));
}

void where(const NodeWriter& node) {
  const auto condition =
      node.add("Cast", {node.input(0)}, {{"to", static_cast<std::int64_t>(Element::boolean)}});
  node.give("Where", {condition, node.input(1), node.input(2)});
}

void square(const NodeWriter& node) {
  node.give("Mul", {node.input(0), node.input(0)});
}

void leaky_relu(const NodeWriter& node) {
  node.give("LeakyRelu", {node.input(0)}, {{"alpha", static_cast<float>(node.number("slope"))}});
}

// x / 2 (1 + erf(x / sqrt 2)): before opset 20 there is no operator for it.
void gelu(const NodeWriter& node) {
  const auto& x = node.input(0);
  const auto erf = node.add("Erf", {node.add("Mul", {x, node.number_of(std::sqrt(0.5))})});
  const auto doubled = node.add("Mul", {x, node.add("Add", {erf, node.number_of(1.0)})});
  node.give("Mul", {doubled, node.number_of(0.5)});
}

void log1p(const NodeWriter& node) {
  node.give("Log", {node.add("Add", {node.input(0), node.number_of(1.0)})});
}

void expm1(const NodeWriter& node) {
  node.give("Sub", {node.add("Exp", {node.input(0)}), node.number_of(1.0)});
}

void silu(const NodeWriter& node) {
  node.give("Mul", {node.input(0), node.add("Sigmoid", {node.input(0)})});
}

void clamp(const NodeWriter& node) {
  const double lower = node.number("lower");
  const double upper = node.number("upper");
  std::vector<std::string> inputs{node.input(0), "", ""};
  if (!std::isinf(lower)) inputs[1] = node.number_of(lower);
  if (!std::isinf(upper)) inputs[2] = node.number_of(upper);
  while (inputs.back().empty()) inputs.pop_back();
  node.give("Clip", inputs);
}

void pow(const NodeWriter& node) {
  node.give("Pow",
            {node.input(0), node.inputs() > 1 ? node.input(1) : node.number_of(node.number("exponent"))});
}

}  // namespace

std::span<const Translation> elementwise_translations() {
  static constexpr std::array translations{
      Translation{"add", same<Add>},
      Translation{"subtract", same<Sub>},
      Translation{"multiply", same<Mul>},
      Translation{"divide", same<Div>},
      Translation{"maximum", same<Max>},
      Translation{"minimum", same<Min>},
      Translation{"negate", same<Neg>},
      Translation{"exp", same<Exp>},
      Translation{"log", same<Log>},
      Translation{"sqrt", same<Sqrt>},
      Translation{"square", square},
      Translation{"relu", same<Relu>},
      Translation{"leaky_relu", leaky_relu},
      Translation{"sigmoid", same<Sigmoid>},
      Translation{"tanh", same<Tanh>},
      Translation{"gelu", gelu},
      Translation{"abs", same<Abs>},
      Translation{"sign", same<Sign>},
      Translation{"floor", same<Floor>},
      Translation{"ceil", same<Ceil>},
      Translation{"round", same<Round>},
      Translation{"clamp", clamp},
      Translation{"log1p", log1p},
      Translation{"expm1", expm1},
      Translation{"softplus", same<Softplus>},
      Translation{"silu", silu},
      Translation{"erf", same<Erf>},
      Translation{"sin", same<Sin>},
      Translation{"cos", same<Cos>},
      Translation{"pow", pow},
      Translation{"greater", comparison<Greater>},
      Translation{"greater_equal", comparison<GreaterOrEqual>},
      Translation{"less", comparison<Less>},
      Translation{"less_equal", comparison<LessOrEqual>},
      Translation{"equal", comparison<Equal>},
      Translation{"not_equal", not_equal},
      Translation{"where", where},
  };
  return translations;
}

}  // namespace keel::onnx
