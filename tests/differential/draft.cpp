// What the generators draw: extents, shapes, inputs.

#include <algorithm>

#include "generator.hpp"

namespace keel::differential {

std::int64_t Draft::extent(std::int64_t highest) {
  static const std::vector<std::int64_t> usual{1,  2,  3,  4,  5,  7,  8,  9,  11,
                                               13, 15, 16, 17, 19, 20, 31, 32, 33};
  static const std::vector<std::int64_t> rare{47, 63, 64, 65, 127, 128, 129, 255, 257};
  for (;;) {
    const auto value = chance(highest > 33 ? 15 : 0) ? one_of(rare) : one_of(usual);
    if (value <= highest) return value;
  }
}

Shape Draft::shape(std::size_t rank) {
  const std::int64_t budget = chance(2) ? 200'000 : 6000;
  std::vector<std::int64_t> extents;
  std::int64_t elements = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    extents.push_back(extent(std::max<std::int64_t>(1, std::min<std::int64_t>(budget / elements, 257))));
    elements *= extents.back();
  }
  rng.shuffle(std::span{extents});
  return Shape{std::span<const std::int64_t>{extents}};
}

std::size_t Draft::input(const Shape& of) {
  return input(of, kind == ValueKind::normal || chance(70) ? kind : ValueKind::normal);
}

std::size_t Draft::input(const Shape& of, ValueKind values) {
  const Role role = chance(25) ? Role::parameter : chance(15) ? Role::constant : Role::input;
  return builder.add_input({role, of, values, 0});
}

std::size_t Draft::parameter(const Shape& of) {
  const bool plain = kind == ValueKind::normal || chance(60);
  return builder.add_input({Role::parameter, of, plain ? ValueKind::normal : kind, 0});
}

std::size_t Draft::constant(const Shape& of, ValueKind values) {
  return builder.add_input({Role::constant, of, values, 0});
}

std::size_t Draft::labels(std::int64_t count, std::int64_t classes) {
  return builder.add_input({Role::constant, Shape{count}, ValueKind::labels, classes});
}

std::size_t Draft::of_rank(std::size_t source, std::size_t rank) {
  const bool fits = builder.is_f32(source) && builder.shape(source).rank() == rank;
  return fits ? source : input(shape(rank));
}

std::size_t Draft::of_any_rank(std::size_t source) {
  return builder.is_f32(source) ? source : input(shape(static_cast<std::size_t>(below(5))));
}

std::size_t Draft::with_axes(std::size_t source) {
  source = of_any_rank(source);
  if (builder.shape(source).rank() > 0) return source;
  return input(shape(static_cast<std::size_t>(1 + below(4))));
}

std::size_t Draft::images(std::size_t source) {
  if (builder.is_f32(source) && builder.shape(source).rank() == 4) return source;
  const auto side = extent(chance(80) ? 9 : 20);
  const Shape images_shape{extent(chance(90) ? 4 : 9), extent(chance(70) ? 20 : 33), side,
                           chance(70) ? side : extent(11)};
  return input(images_shape);
}

}  // namespace keel::differential
