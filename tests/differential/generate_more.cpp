// Steps of the operators that the keel program does without.

#include "generator.hpp"

namespace keel::differential {
namespace {

double as_option(std::int64_t value) {
  return static_cast<double>(value);
}

std::size_t add_one(Draft& draft, std::string_view name, std::size_t source) {
  source = draft.of_any_rank(source);
  std::vector<double> options;
  if (name == "elu") options = {draft.one_of<double>({1.0, 0.25})};
  if (name == "clamp") options = {draft.one_of<double>({-1.0, 0.0}), draft.one_of<double>({0.5, 2.0})};
  if (name == "power") options = {draft.one_of<double>({0.0, 2.0, 3.0, -0.5, 0.5, 1.75})};
  return draft.builder.add_step(std::string{name}, {source}, options);
}

std::size_t add_where(Draft& draft, std::string_view, std::size_t source) {
  source = draft.of_any_rank(source);
  const auto condition = draft.chance(50) ? add_operator(draft, "greater", source)
                                          : draft.input(Shape{draft.builder.shape(source)}, ValueKind::ties);
  const auto other = draft.chance(60) ? draft.input(Shape{draft.builder.shape(condition)}) : draft.input({});
  return draft.chance(50) ? draft.builder.add_step("where", {condition, source, other})
                          : draft.builder.add_step("where", {condition, other, source});
}

std::int64_t draw_axis(Draft& draft, std::size_t source) {
  return draft.below(static_cast<std::int64_t>(draft.builder.shape(source).rank()));
}

std::size_t add_cumsum(Draft& draft, std::string_view, std::size_t source) {
  source = draft.with_axes(source);
  const auto axis = draw_axis(draft, source);
  return draft.builder.add_step("cumsum", {source},
                                {as_option(axis), as_option(draft.below(2)), as_option(draft.below(2))});
}

std::size_t indices(Draft& draft, const Shape& shape, std::int64_t classes) {
  return draft.builder.add_input({Role::constant, shape, ValueKind::labels, classes});
}

std::size_t add_take(Draft& draft, std::string_view, std::size_t source) {
  source = draft.with_axes(source);
  const auto axis = draw_axis(draft, source);
  const auto shape = draft.chance(60) ? Shape{draft.extent(9)} : Shape{draft.extent(3), draft.extent(3)};
  const auto named = indices(draft, shape, draft.builder.shape(source)[static_cast<std::size_t>(axis)]);
  return draft.builder.add_step("take", {source, named}, {as_option(axis)});
}

// Indices of another extent along the axis and now and then along others.
std::size_t lines(Draft& draft, const Shape& whole, std::size_t axis) {
  std::vector<std::int64_t> extents(whole.extents().begin(), whole.extents().end());
  for (auto& extent : extents)
    if (draft.chance(20)) extent = 1 + draft.below(extent);
  extents[axis] = draft.extent(9);
  return indices(draft, Shape{std::span<const std::int64_t>{extents}}, whole[axis]);
}

std::size_t add_gather(Draft& draft, std::string_view, std::size_t source) {
  source = draft.with_axes(source);
  const auto axis = draw_axis(draft, source);
  const auto named = lines(draft, Shape{draft.builder.shape(source)}, static_cast<std::size_t>(axis));
  return draft.builder.add_step("gather", {source, named}, {as_option(axis)});
}

std::size_t add_scatter(Draft& draft, std::string_view, std::size_t source) {
  source = draft.with_axes(source);
  const auto axis = draw_axis(draft, source);
  const auto named = lines(draft, Shape{draft.builder.shape(source)}, static_cast<std::size_t>(axis));
  const auto added = draft.input(Shape{draft.builder.shape(named)});
  return draft.builder.add_step("scatter_add", {source, named, added}, {as_option(axis)});
}

std::size_t add_one_hot(Draft& draft, std::string_view, std::size_t) {
  const auto classes = draft.extent(9);
  return draft.builder.add_step("one_hot", {indices(draft, Shape{draft.extent()}, classes)},
                                {as_option(classes)});
}

std::size_t add_steps(Draft& draft, std::string_view, std::size_t source) {
  source = draft.with_axes(source);
  const auto axis = draw_axis(draft, source);
  const auto begin = draft.below(draft.builder.shape(source)[static_cast<std::size_t>(axis)]);
  const auto step = draft.one_of<std::int64_t>({-3, -2, -1, 2, 3, 5});
  return draft.builder.add_step("slice_by_steps", {source},
                                {as_option(axis), as_option(begin), as_option(step)});
}

std::size_t add_flip(Draft& draft, std::string_view, std::size_t source) {
  source = draft.with_axes(source);
  return draft.builder.add_step("flip", {source}, {as_option(draw_axis(draft, source))});
}

std::size_t add_pad(Draft& draft, std::string_view, std::size_t source) {
  source = draft.with_axes(source);
  std::vector<double> options{as_option(draft.below(3))};
  for (std::size_t i = 0; i < draft.builder.shape(source).rank(); ++i) {
    options.push_back(as_option(draft.below(3)));
    options.push_back(as_option(draft.below(3)));
  }
  return draft.builder.add_step("pad", {source}, options);
}

std::size_t add_tril(Draft& draft, std::string_view, std::size_t source) {
  source = draft.of_rank(source, static_cast<std::size_t>(2 + draft.below(2)));
  return draft.builder.add_step("tril", {source}, {as_option(draft.below(5) - 2)});
}

std::size_t add_tile(Draft& draft, std::string_view, std::size_t source) {
  source = draft.with_axes(source);
  return draft.builder.add_step("tile", {source},
                                {as_option(1 + draft.below(3)), as_option(1 + draft.below(2))});
}

}  // namespace

void add_more(OperatorTable& table) {
  for (const auto* name : {"abs", "sign", "floor", "ceil", "round", "log1p", "expm1", "softplus", "silu",
                           "elu", "erf", "sin", "cos", "tan", "clamp", "power"})
    table.emplace(name, add_one);
  for (const auto* name :
       {"greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "minimum", "pow"})
    table.emplace(name, table.at("add"));
  for (const auto* name : {"prod", "min", "log_sum_exp"}) table.emplace(name, table.at("sum"));
  table.emplace("argmin", table.at("argmax"));
  table.merge(OperatorTable{{"where", add_where},
                            {"cumsum", add_cumsum},
                            {"take", add_take},
                            {"gather", add_gather},
                            {"scatter_add", add_scatter},
                            {"one_hot", add_one_hot},
                            {"slice_by_steps", add_steps},
                            {"flip", add_flip},
                            {"pad", add_pad},
                            {"tril", add_tril},
                            {"tile", add_tile}});
}

}  // namespace keel::differential
