#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "keel/models/onnx/export.hpp"
#include "keel/runtime/error.hpp"

namespace keel::onnx {
namespace {

Array array_of(const Tensor& tensor, std::string name) {
  return {std::move(name), element_of(tensor.dtype()), Shape{tensor.shape()}.extents(),
          std::string{reinterpret_cast<const char*>(tensor.bytes()), tensor.type().bytes()}};
}

std::vector<std::int64_t> declared(const Extents& extents) {
  std::vector<std::int64_t> result;
  for (const auto& extent : extents)
    result.push_back(extent.of_samples && extent.number == 1 ? -1 : extent.number);
  return result;
}

}  // namespace

Element element_of(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return Element::f64;
    case DType::s32:
      return Element::s32;
    case DType::u8:
      return Element::u8;
    case DType::f32:
      break;
  }
  return Element::f32;
}

std::string GraphWriter::distinct(const std::string& wanted) {
  std::string name = wanted;
  for (int& number = next_[wanted]; !taken_.insert(name).second; ++number)
    name = fmt::format("{}_{}", wanted, number);
  return name;
}

void GraphWriter::add_input(std::size_t value, const std::string& name, Element element,
                            const Extents& extents) {
  names_[value] = distinct(name);
  graph_.inputs.push_back({names_[value], element, true, declared(extents)});
}

void GraphWriter::add_output(const std::string& name, Element element, const Extents& extents) {
  graph_.outputs.push_back({name, element, true, declared(extents)});
}

void GraphWriter::add_initializer(std::size_t value, const std::string& name, const Tensor& tensor) {
  names_[value] = distinct(name);
  graph_.initializers.push_back(array_of(tensor, names_[value]));
}

std::string GraphWriter::add(const std::string& op, std::vector<std::string> inputs, Settings settings) {
  auto output = distinct(op);
  add_as(output, op, std::move(inputs), std::move(settings));
  return output;
}

void GraphWriter::add_as(const std::string& output, const std::string& op, std::vector<std::string> inputs,
                         Settings settings) {
  graph_.nodes.push_back({op, output, std::move(inputs), {output}, std::move(settings)});
}

std::string GraphWriter::constant(const Tensor& tensor) {
  return add("Constant", {}, {{"value", array_of(tensor, "")}});
}

std::string GraphWriter::number(double value, DType dtype) {
  auto& name = numbers_[{value, dtype}];
  if (name.empty()) {
    name = constant(dtype == DType::f64 ? Tensor::of<double>(Shape{}, {value})
                                        : Tensor::of<float>(Shape{}, {static_cast<float>(value)}));
  }
  return name;
}

std::string GraphWriter::integers(const std::vector<std::int64_t>& numbers) {
  auto& name = integers_[numbers];
  if (name.empty()) {
    Array array{"", Element::s64, {static_cast<std::int64_t>(numbers.size())}, {}};
    array.bytes.assign(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(std::int64_t));
    name = add("Constant", {}, {{"value", std::move(array)}});
  }
  return name;
}

std::string GraphWriter::samples(std::int64_t times) {
  auto& name = samples_[times];
  if (!name.empty()) return name;
  if (times == 1) {
    const auto input = std::ranges::find_if(graph_.inputs, [](const Declared& declared) {
      return !declared.extents.empty() && declared.extents[0] < 0;
    });
    const auto shape = add("Shape", {input->name});
    name = add("Slice", {shape, integers({0}), integers({1})});
  } else {
    const auto once = samples(1);
    samples_[times] = add("Mul", {once, integers({times})});
  }
  return samples_[times];
}

std::string GraphWriter::shape(const Extents& extents) {
  std::vector<std::string> parts;
  std::vector<std::int64_t> fixed;
  const auto finish = [&] {
    if (!fixed.empty()) parts.push_back(integers(fixed));
    fixed.clear();
  };
  for (const auto& [number, of_samples] : extents) {
    if (of_samples) {
      finish();
      parts.push_back(samples(number));
    } else {
      fixed.push_back(number);
    }
  }
  if (parts.empty()) return integers(fixed);
  finish();
  return parts.size() == 1 ? parts.front() : add("Concat", parts, {{"axis", std::int64_t{0}}});
}

namespace {

const Attribute* find(const std::vector<Attribute>& attributes, std::string_view name) {
  const auto found = std::ranges::find(attributes, name, &Attribute::name);
  return found == attributes.end() ? nullptr : &*found;
}

}  // namespace

void NodeWriter::refuse(std::string_view why) const {
  throw Error{fmt::format("{} at {} can't be exported: {}", node_.op->name(), describe(node_.where), why)};
}

bool NodeWriter::is_set(std::string_view name) const {
  return find(node_.op->attributes(), name) != nullptr;
}

std::vector<std::int64_t> NodeWriter::integers(std::string_view name) const {
  const auto attributes = node_.op->attributes();
  const auto* attribute = find(attributes, name);
  if (attribute == nullptr) refuse(fmt::format("it does not tell its {}", name));
  std::vector<std::int64_t> numbers;
  for (const double number : attribute->numbers) numbers.push_back(static_cast<std::int64_t>(number));
  return numbers;
}

double NodeWriter::number(std::string_view name) const {
  const auto attributes = node_.op->attributes();
  const auto* attribute = find(attributes, name);
  if (attribute == nullptr || attribute->numbers.size() != 1)
    refuse(fmt::format("it does not tell its {}", name));
  return attribute->numbers.front();
}

std::int64_t NodeWriter::axis() const {
  return static_cast<std::int64_t>(axis_of(integer("axis"), shape(0)));
}

std::vector<std::int64_t> NodeWriter::axes() const {
  std::vector<std::int64_t> result;
  for (const auto named : integers("axes"))
    result.push_back(static_cast<std::int64_t>(axis_of(named, shape(0))));
  if (result.empty())
    for (std::size_t i = 0; i < shape(0).rank(); ++i) result.push_back(static_cast<std::int64_t>(i));
  std::ranges::sort(result);
  return result;
}

std::optional<double> NodeWriter::momentum() const {
  const auto path = program_.paths.find(node_.inputs[1]);
  if (path == program_.paths.end()) return std::nullopt;
  const auto found = program_.batch_momenta.find(path->second);
  return found == program_.batch_momenta.end() ? std::nullopt : found->second;
}

}  // namespace keel::onnx
