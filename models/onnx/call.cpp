#include "keel/models/onnx/call.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "keel/ops/comparison.hpp"

namespace keel::onnx {
namespace {

template <class Number>
std::vector<std::int64_t> integers_in(const std::string& bytes) {
  std::vector<std::int64_t> numbers(bytes.size() / sizeof(Number));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    Number number{};
    std::memcpy(&number, bytes.data() + i * sizeof(Number), sizeof(Number));
    numbers[i] = static_cast<std::int64_t>(number);  // NOLINT(bugprone-signed-char-misuse): int8 has a sign
  }
  return numbers;
}

Tensor reals_of(const std::string& bytes, const std::vector<std::int64_t>& extents, DType dtype) {
  Tensor tensor{Shape{extents}, dtype};
  std::memcpy(tensor.bytes(), bytes.data(), bytes.size());
  return tensor;
}

Tensor converted(const Tensor& tensor, DType dtype) {
  if (tensor.dtype() == dtype) return tensor;
  Tensor result{tensor.shape(), dtype};
  if (dtype == DType::f64)
    std::ranges::copy(tensor.data<float>(), result.data<double>().begin());
  else
    std::ranges::transform(tensor.data<double>(), result.data<float>().begin(),
                           [](double value) { return static_cast<float>(value); });
  return result;
}

}  // namespace

Constant constant_of(const Array& array, const std::filesystem::path& path) {
  Constant constant{.element = array.element, .extents = array.extents, .numbers = {}, .reals = {}};
  if (constant.extents.size() > Shape::max_rank) {
    throw OnnxUnsupported{fmt::format("{} can't be loaded: array '{}' has {} axes, where keel has at most {}",
                                      path.string(), array.name, array.extents.size(), Shape::max_rank)};
  }
  switch (array.element) {
    case Element::f32:
    case Element::f64:
      constant.reals =
          reals_of(array.bytes, array.extents, array.element == Element::f32 ? DType::f32 : DType::f64);
      return constant;
    case Element::u8:
    case Element::boolean:
      constant.numbers = integers_in<std::uint8_t>(array.bytes);
      return constant;
    case Element::s8:
      constant.numbers = integers_in<std::int8_t>(array.bytes);
      return constant;
    case Element::u16:
      constant.numbers = integers_in<std::uint16_t>(array.bytes);
      return constant;
    case Element::s16:
      constant.numbers = integers_in<std::int16_t>(array.bytes);
      return constant;
    case Element::u32:
      constant.numbers = integers_in<std::uint32_t>(array.bytes);
      return constant;
    case Element::s32:
      constant.numbers = integers_in<std::int32_t>(array.bytes);
      return constant;
    case Element::s64:
      constant.numbers = integers_in<std::int64_t>(array.bytes);
      return constant;
    default:
      throw OnnxUnsupported{
          fmt::format("{} can't be loaded: array '{}' is of type {}, which keel does not have", path.string(),
                      array.name, name_of(array.element))};
  }
}

void Call::refuse(std::string_view why) const {
  throw OnnxUnsupported{fmt::format("{}, {}: {}", network_.path.string(), node_.title, why)};
}

void Call::spend(std::int64_t elements) const {
  if (elements > replay_.budget) refuse("the constants that the network asks for are too large");
  replay_.budget -= elements;
}

void Call::fail(std::string_view why) const {
  throw Error{fmt::format("{}, {}: {}", network_.path.string(), node_.title, why)};
}

Item& Call::item_of(std::size_t i) const {
  if (!has(i)) fail(fmt::format("its input {} is missing", i));
  return replay_.items[node_.inputs[i]];
}

const Item& Call::item(std::size_t i) const {
  return item_of(i);
}

std::vector<std::int64_t> Call::extents(std::size_t i) const {
  const auto& [element, var, constant] = item(i);
  return constant != nullptr ? constant->extents : var.shape().extents();
}

Var Call::var(std::size_t i) const {
  Item& item = item_of(i);
  if (item.var.defined()) return item.var;
  const auto& constant = *item.constant;
  if (is_real(constant.element)) {
    const auto dtype = constant.element == Element::f64 ? DType::f64 : replay_.single;
    item.var = replay_.tape.stored(converted(constant.reals, dtype));
    return item.var;
  }
  using Limits = std::numeric_limits<std::int32_t>;
  std::vector<std::int32_t> numbers;
  for (const auto number : constant.numbers) {
    if (number < Limits::lowest() || number > Limits::max())
      refuse(fmt::format("its input {} holds {}, which is beyond keel's s32", i, number));
    numbers.push_back(static_cast<std::int32_t>(number));
  }
  item.var = replay_.tape.stored(
      Tensor::of<std::int32_t>(Shape{constant.extents}, std::span<const std::int32_t>{numbers}));
  return item.var;
}

Var Call::real(std::size_t i) const {
  if (!is_real(element(i)))
    refuse(fmt::format("its input {} is of type {}, where keel has it for float and double", i,
                       name_of(element(i))));
  return var(i);
}

Var Call::as_real(std::size_t i, DType dtype) const {
  if (is_real(element(i)) || !is_known(i)) return real(i);
  const auto& constant = known(i);
  Tensor tensor{Shape{constant.extents}, DType::f64};
  std::ranges::transform(constant.numbers, tensor.data<double>().begin(),
                         [](std::int64_t number) { return static_cast<double>(number); });
  return replay_.tape.stored(converted(tensor, dtype));
}

Var Call::truth(std::size_t i) const {
  if (element(i) != Element::boolean)
    refuse(fmt::format("its input {} is of type {}, where keel has it for bool", i, name_of(element(i))));
  Var value = var(i);
  if (value.dtype() != DType::s32) return value;
  return keel::where(value, tape().constant(1.0, replay_.single), 0.0, where());
}

const Constant& Call::known(std::size_t i) const {
  const auto& constant = item(i).constant;
  if (constant == nullptr)
    refuse(fmt::format("its input {}, '{}', must be known beforehand, not computed by the network", i,
                       node_.file.inputs[i]));
  return *constant;
}

std::vector<std::int64_t> Call::known_integers(std::size_t i) const {
  const auto& constant = known(i);
  if (is_real(constant.element)) fail(fmt::format("its input {} must hold integers", i));
  return constant.numbers;
}

double Call::known_number(std::size_t i) const {
  const auto& constant = known(i);
  if (is_real(constant.element)) {
    if (constant.reals.shape().elements() != 1) fail(fmt::format("its input {} must be one number", i));
    return constant.reals.item();
  }
  if (constant.numbers.size() != 1) fail(fmt::format("its input {} must be one number", i));
  return static_cast<double>(constant.numbers.front());
}

std::int64_t Call::known_integer(std::size_t i) const {
  constexpr double most = 0x1p53;
  const double number = known_number(i);
  if (!(std::abs(number) <= most) || std::floor(number) != number)
    fail(fmt::format("its input {} must be a whole number, not {}", i, number));
  return static_cast<std::int64_t>(number);
}

const Setting* Call::setting(std::string_view name) const {
  const auto found = node_.file.settings.find(name);
  return found == node_.file.settings.end() ? nullptr : &found->second;
}

namespace {

template <class Type, class Fallback>
Type read(const Call& call, std::string_view name, const std::optional<Fallback>& otherwise) {
  const auto* setting = call.setting(name);
  if (setting == nullptr) {
    if (!otherwise) call.fail(fmt::format("attribute '{}' is missing", name));
    return Type(*otherwise);
  }
  const auto* value = std::get_if<Type>(setting);
  if (value == nullptr) call.fail(fmt::format("attribute '{}' is of another type than ONNX says", name));
  return *value;
}

}  // namespace

std::int64_t Call::integer(std::string_view name, std::optional<std::int64_t> otherwise) const {
  return read<std::int64_t>(*this, name, otherwise);
}

double Call::number(std::string_view name, std::optional<double> otherwise) const {
  const auto* setting = this->setting(name);
  if (setting == nullptr && otherwise) return *otherwise;
  return shortest(read<float>(*this, name, std::optional<float>{}));
}

std::string Call::text(std::string_view name, std::string_view otherwise) const {
  return read<std::string>(*this, name, std::optional{otherwise});
}

std::vector<std::int64_t> Call::integers(std::string_view name, std::vector<std::int64_t> otherwise) const {
  return read<std::vector<std::int64_t>>(*this, name, std::optional{std::move(otherwise)});
}

Constant Call::constant(const Array& array) const {
  return constant_of(array, network_.path);
}

std::optional<std::vector<std::int64_t>> Call::setting_or_input(std::string_view name, std::size_t i) const {
  if (is_set(name)) return integers(name, {});
  if (has(i)) return known_integers(i);
  return std::nullopt;
}

void Call::give(std::size_t output, const Item& item) {
  if (wants(output)) replay_.items[node_.outputs[output]] = item;
}

void Call::give(std::size_t output, const Var& var, Element element) {
  give(output, Item{element, var, nullptr});
}

void Call::give(std::size_t output, Constant constant) {
  spend(static_cast<std::int64_t>(constant.numbers.size()));
  const auto element = constant.element;
  give(output, Item{element, {}, std::make_shared<const Constant>(std::move(constant))});
}

void Call::give_integers(std::vector<std::int64_t> numbers, std::vector<std::int64_t> extents,
                         Element element) {
  give(0, Constant{element, std::move(extents), std::move(numbers), {}});
}

}  // namespace keel::onnx
