#include "node_run.hpp"

#include <cmath>
#include <cstring>

#include "keel/graph/tape.hpp"

namespace keel::differential {
namespace {

template <class T>
std::vector<double> numbers(const std::byte* memory, std::size_t count) {
  std::vector<T> elements(count);
  if (count > 0) std::memcpy(elements.data(), memory, count * sizeof(T));
  return {elements.begin(), elements.end()};
}

std::vector<double> numbers_of(DType dtype, const std::byte* memory, std::size_t count) {
  switch (dtype) {
    case DType::f32:
      return numbers<float>(memory, count);
    case DType::f64:
      return numbers<double>(memory, count);
    case DType::s32:
      return numbers<std::int32_t>(memory, count);
    default:
      return numbers<std::uint8_t>(memory, count);
  }
}

bool is_float(const ValueType& type) {
  return type.dtype == DType::f32 || type.dtype == DType::f64;
}

Tensor tensor_of(const Array& array) {
  Tensor tensor{array.type.shape, is_float(array.type) ? DType::f64 : array.type.dtype};
  const auto fill = [&]<class T>(std::span<T> data) {
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<T>(array.data[i]);
  };
  if (tensor.dtype() == DType::f64) fill(tensor.data<double>());
  if (tensor.dtype() == DType::s32) fill(tensor.data<std::int32_t>());
  if (tensor.dtype() == DType::u8) fill(tensor.data<std::uint8_t>());
  return tensor;
}

}  // namespace

Array read_array(const ValueType& type, MemoryFormat format, const std::byte* memory) {
  const auto count = static_cast<std::size_t>(type.shape.elements());
  Array array{type, numbers_of(type.dtype, memory, count)};
  if (format == MemoryFormat::row_major || type.shape.rank() != 4) return array;
  const auto channels = static_cast<std::size_t>(type.shape[1]);
  const auto pixels = static_cast<std::size_t>(type.shape[2] * type.shape[3]);
  const auto lying = array.data;
  for (std::size_t i = 0; i < count; ++i) {
    const auto pixel = i % pixels;
    const auto channel = i / pixels % channels;
    const auto image = i / pixels / channels;
    array.data[i] = lying[(image * pixels + pixel) * channels + channel];
  }
  return array;
}

Array read_array(const Tensor& tensor) {
  return read_array(tensor.type(), MemoryFormat::row_major, tensor.bytes());
}

Reference in_f64(std::shared_ptr<const Operator> op, const std::vector<Array>& inputs) {
  Tape tape;
  std::vector<Tensor> tensors;
  std::vector<Var> vars;
  for (const auto& input : inputs) {
    tensors.push_back(tensor_of(input));
    vars.push_back(tape.stored(tensors.back()));
  }
  std::vector<ValueType> types;
  for (const auto& tensor : tensors) types.push_back(tensor.type());
  const auto outputs = tape.record(op, vars, SourceLocation::current());
  Plan plan{tape, outputs, {.rules = {}, .reuse_memory = false}};
  plan.run();
  Reference reference;
  for (std::size_t i = 0; i < outputs.size(); ++i) reference.outputs.push_back(read_array(plan.output(i)));
  for (const auto i : op->mutates(types)) reference.mutated.emplace(i, read_array(tensors[i]));
  return reference;
}

Array absolute(Array array) {
  if (is_float(array.type))
    for (auto& value : array.data) value = std::abs(value);
  return array;
}

std::vector<Array> absolute(std::vector<Array> arrays) {
  for (auto& array : arrays) array = absolute(std::move(array));
  return arrays;
}

}  // namespace keel::differential
