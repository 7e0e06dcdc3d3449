// What is known without the network's inputs: constants, and the arithmetic on shapes that exporters leave
// in files.

#include <fmt/format.h>
#include <array>
#include <cmath>
#include <numbers>

#include "keel/models/onnx/call.hpp"

namespace keel::onnx {
namespace {

Constant one_number(std::int64_t number) {
  return {Element::s64, {}, {number}, {}};
}

void constant(Call& call) {
  if (const auto* value = call.setting("value")) {
    const auto* array = std::get_if<Array>(value);
    if (array == nullptr) call.fail("attribute 'value' is not an array");
    return call.give(0, call.constant(*array));
  }
  if (call.is_set("value_int")) return call.give(0, one_number(call.integer("value_int")));
  if (call.is_set("value_ints")) {
    const auto numbers = call.integers("value_ints", {});
    return call.give_integers(numbers, {static_cast<std::int64_t>(numbers.size())});
  }
  if (const auto* value = call.setting("value_float");
      value != nullptr && std::holds_alternative<float>(*value))
    return call.give(0,
                     Constant{Element::f32, {}, {}, Tensor::of<float>(Shape{}, {std::get<float>(*value)})});
  if (const auto* value = call.setting("value_floats");
      value != nullptr && std::holds_alternative<std::vector<float>>(*value)) {
    const auto& numbers = std::get<std::vector<float>>(*value);
    const auto count = static_cast<std::int64_t>(numbers.size());
    return call.give(
        0, Constant{Element::f32, {count}, {}, Tensor::of<float>(Shape{count}, std::span{numbers})});
  }
  call.refuse("a constant of this kind is not to be had in keel");
}

// How many elements these extents have, which are paid for.
std::int64_t elements(const Call& call, const std::vector<std::int64_t>& extents) {
  constexpr std::int64_t most = std::int64_t{1} << 40;
  std::int64_t product = 1;
  for (const auto extent : extents) {
    if (extent < 0) call.fail(fmt::format("an extent of {} is negative", extent));
    product = extent > 0 && product > most / extent ? most : product * extent;
  }
  call.spend(product);
  return product;
}

void constant_of_shape(Call& call) {
  const auto extents = call.known_integers(0);
  const auto count = static_cast<std::size_t>(elements(call, extents));
  Constant value{Element::f32, {}, {}, Tensor::of<float>(Shape{}, {0.0F})};
  if (const auto* setting = call.setting("value")) {
    const auto* array = std::get_if<Array>(setting);
    if (array == nullptr) call.fail("attribute 'value' is not an array");
    value = call.constant(*array);
  }
  if (!is_real(value.element)) {
    if (value.numbers.size() != 1) call.fail("attribute 'value' must hold one number");
    return call.give_integers(std::vector<std::int64_t>(count, value.numbers.front()), extents,
                              value.element);
  }
  const double number = value.reals.item();
  Constant result{value.element, extents, {}, Tensor{Shape{extents}, value.reals.dtype()}};
  if (value.element == Element::f64)
    std::ranges::fill(result.reals.data<double>(), number);
  else
    std::ranges::fill(result.reals.data<float>(), static_cast<float>(number));
  call.give(0, std::move(result));
}

void shape_of(Call& call) {
  const auto extents = call.extents(0);
  const auto rank = static_cast<std::int64_t>(extents.size());
  const auto bound = [&](std::string_view name, std::int64_t otherwise) {
    const auto given = call.integer(name, otherwise);
    return std::clamp<std::int64_t>(given < 0 ? given + rank : given, 0, rank);
  };
  const auto begin = bound("start", 0);
  const auto end = std::max(begin, bound("end", rank));
  call.give_integers({extents.begin() + begin, extents.begin() + end}, {end - begin});
}

void size_of_input(Call& call) {
  std::int64_t product = 1;
  for (const auto extent : call.extents(0)) product *= extent;
  call.give_integers({product}, {});
}

void pay_for_range(const Call& call, double count) {
  if (!(count < 1e12)) call.refuse("a range of so many numbers is too large");
  call.spend(static_cast<std::int64_t>(std::max(count, 0.0)));
}

void range(Call& call) {
  const Element element = call.element(0);
  if (is_real(element)) {
    const double start = call.known_number(0);
    const double step = call.known_number(2);
    const double count = std::ceil((call.known_number(1) - start) / step);
    pay_for_range(call, count);
    std::vector<double> numbers;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(count); ++i)
      numbers.push_back(start + static_cast<double>(i) * step);
    const std::vector<std::int64_t> extents{static_cast<std::int64_t>(numbers.size())};
    const auto wide = Tensor::of<double>(Shape{extents}, std::span<const double>{numbers});
    Tensor reals = wide;
    if (element == Element::f32) {
      const std::vector<float> narrow(numbers.begin(), numbers.end());
      reals = Tensor::of<float>(Shape{extents}, std::span<const float>{narrow});
    }
    return call.give(0, Constant{element, extents, {}, reals});
  }
  const auto start = call.known_integers(0);
  const auto limit = call.known_integers(1);
  const auto step = call.known_integers(2);
  if (start.size() != 1 || limit.size() != 1 || step.size() != 1 || step[0] == 0)
    call.fail("its range has no step");
  const double count = std::ceil((static_cast<double>(limit[0]) - static_cast<double>(start[0])) /
                                 static_cast<double>(step[0]));
  pay_for_range(call, count);
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(count); ++i)
    numbers.push_back(
        static_cast<std::int64_t>(static_cast<std::uint64_t>(start[0]) +
                                  static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(step[0])));
  call.give_integers(numbers, {static_cast<std::int64_t>(numbers.size())}, element);
}

void eye_like(Call& call) {
  const auto extents = call.extents(0);
  if (extents.size() != 2) call.fail("its input is not a matrix");
  elements(call, extents);
  const auto element =
      static_cast<Element>(call.integer("dtype", static_cast<std::int64_t>(call.element(0))));
  const auto diagonal = call.integer("k", 0);
  std::vector<double> numbers;
  for (std::int64_t i = 0; i < extents[0]; ++i)
    for (std::int64_t j = 0; j < extents[1]; ++j) numbers.push_back(j - i == diagonal ? 1.0 : 0.0);
  if (element == Element::f64)
    return call.give(
        0,
        Constant{element, extents, {}, Tensor::of<double>(Shape{extents}, std::span<const double>{numbers})});
  if (element == Element::f32) {
    const std::vector<float> narrow(numbers.begin(), numbers.end());
    return call.give(0, Constant{element, extents, {}, Tensor::of<float>(Shape{extents}, std::span{narrow})});
  }
  call.give_integers({numbers.begin(), numbers.end()}, extents, element);
}

// The windows of signal processing, as sums of cosines.
void cosine_window(Call& call, double a, double b, double c) {
  const auto counts = call.known_integers(0);
  if (counts.size() != 1 || counts[0] < 0) call.fail("its size is not one number");
  if (call.integer("output_datatype", 1) != 1) call.refuse("keel has windows of float alone");
  call.spend(counts[0]);
  const double period = static_cast<double>(counts[0]) - (call.flag("periodic", true) ? 0.0 : 1.0);
  std::vector<float> numbers;
  for (std::int64_t i = 0; i < counts[0]; ++i) {
    const double angle = 2.0 * std::numbers::pi * static_cast<double>(i) / period;
    numbers.push_back(static_cast<float>(a - b * std::cos(angle) + c * std::cos(2.0 * angle)));
  }
  call.give(0, Constant{Element::f32, counts, {}, Tensor::of<float>(Shape{counts}, std::span{numbers})});
}

void blackman(Call& call) {
  cosine_window(call, 0.42, 0.5, 0.08);
}
void hamming(Call& call) {
  cosine_window(call, 25.0 / 46.0, 21.0 / 46.0, 0.0);
}
void hann(Call& call) {
  cosine_window(call, 0.5, 0.5, 0.0);
}

void identity(Call& call) {
  call.give(0, call.item(0));
}

void dropout(Call& call) {
  if (call.has(2) && call.known_number(2) != 0.0)
    call.refuse("keel does not draw: a dropout in training mode has no counterpart");
  if (call.opset() < 7 && !call.flag("is_test"))
    call.refuse("keel reads dropouts of opset 6 in inference alone");
  call.give(0, call.item(0));
  if (!call.wants(1)) return;
  const auto extents = call.extents(0);
  const auto count = static_cast<std::size_t>(elements(call, extents));
  call.give(1, Constant{Element::boolean, extents, std::vector<std::int64_t>(count, 1), {}});
}

}  // namespace

std::span<const OperatorEntry> constant_operators() {
  static constexpr std::array entries{
      OperatorEntry{"Constant", 0, 0, 1, constant},
      OperatorEntry{"ConstantOfShape", 1, 1, 1, constant_of_shape},
      OperatorEntry{"Shape", 1, 1, 1, shape_of},
      OperatorEntry{"Size", 1, 1, 1, size_of_input},
      OperatorEntry{"Range", 3, 3, 1, range},
      OperatorEntry{"EyeLike", 1, 1, 1, eye_like},
      OperatorEntry{"BlackmanWindow", 1, 1, 1, blackman},
      OperatorEntry{"HammingWindow", 1, 1, 1, hamming},
      OperatorEntry{"HannWindow", 1, 1, 1, hann},
      OperatorEntry{"Identity", 1, 1, 1, identity},
      OperatorEntry{"Dropout", 1, 3, 2, dropout},
  };
  return entries;
}

}  // namespace keel::onnx
