// One step by the name of its operator: which operands it gets, and which options.

#include <algorithm>

#include "generator.hpp"

namespace keel::differential {
namespace {

double as_option(std::int64_t value) {
  return static_cast<double>(value);
}

std::vector<double> as_options(std::span<const std::int64_t> values) {
  return {values.begin(), values.end()};
}

std::size_t add_unary(Draft& draft, std::string_view name, std::size_t source) {
  source = draft.of_any_rank(source);
  if ((name == "log" || name == "sqrt") && draft.chance(80)) {
    const auto kind = draft.chance(30) ? ValueKind::near_one : ValueKind::positive;
    source = draft.input(draft.builder.shape(source), kind);
  }
  std::vector<double> options;
  if (name == "leaky_relu") options = {draft.one_of<double>({0.0, 0.01, 0.25, 1.0, 2.0})};
  if (name == "dropout") options = {draft.one_of<double>({0.0, 0.1, 0.5, 0.9}), as_option(draft.below(1000))};
  return draft.builder.add_step(std::string{name}, {source}, options);
}

// An operand that broadcasts to `shape`: without its first axes, and with extents of 1.
std::size_t stretched_operand(Draft& draft, const Shape& shape) {
  std::vector<std::int64_t> extents(shape.extents().begin(), shape.extents().end());
  if (draft.chance(60)) {
    const auto dropped = draft.below(static_cast<std::int64_t>(extents.size()) + 1);
    extents.erase(extents.begin(), extents.begin() + dropped);
    for (auto& extent : extents) extent = draft.chance(30) ? 1 : extent;
  }
  return draft.input(Shape{std::span<const std::int64_t>{extents}});
}

std::size_t add_binary(Draft& draft, std::string_view name, std::size_t source) {
  source = draft.of_any_rank(source);
  std::vector<std::size_t> equals;
  for (std::size_t i = 0; i < draft.builder.values(); ++i)
    if (draft.builder.is_f32(i) && draft.builder.shape(i) == draft.builder.shape(source)) equals.push_back(i);
  const auto other =
      draft.chance(40) ? draft.one_of(equals) : stretched_operand(draft, Shape{draft.builder.shape(source)});
  if (draft.chance(30)) return draft.builder.add_step(std::string{name}, {other, source});
  return draft.builder.add_step(std::string{name}, {source, other});
}

std::size_t add_matmul(Draft& draft, std::string_view, std::size_t source) {
  const auto rank = static_cast<std::size_t>(draft.chance(70) ? 2 : 3 + draft.below(2));
  const auto src = draft.of_rank(source, rank);
  const auto shape = draft.builder.shape(src);
  const bool src_transposed = draft.chance(30);
  const bool weights_transposed = draft.chance(30);
  const auto k = shape[rank - (src_transposed ? 2 : 1)];
  const auto n = draft.extent(draft.chance(90) ? 33 : 129);
  std::vector<std::int64_t> extents;
  if (draft.chance(60)) extents.assign(shape.extents().begin(), shape.extents().end() - 2);
  extents.push_back(weights_transposed ? n : k);
  extents.push_back(weights_transposed ? k : n);
  const auto weights = draft.input(Shape{std::span<const std::int64_t>{extents}});
  return draft.builder.add_step("matmul", {src, weights},
                                {src_transposed ? 1.0 : 0.0, weights_transposed ? 1.0 : 0.0});
}

std::size_t add_linear(Draft& draft, std::string_view, std::size_t source) {
  const auto src = draft.chance(30) ? draft.with_axes(source) : draft.of_rank(source, 2);
  const auto features = draft.extent(draft.chance(90) ? 33 : 257);
  const auto shape = Shape{draft.builder.shape(src)};
  std::vector<std::size_t> operands{src, draft.parameter({features, shape[shape.rank() - 1]})};
  if (draft.chance(80)) operands.push_back(draft.parameter({features}));
  return draft.builder.add_step("linear", operands);
}

std::size_t add_reduction(Draft& draft, std::string_view name, std::size_t source) {
  source = draft.of_any_rank(source);
  std::vector<double> options{as_option(draft.below(2))};
  const auto rank = static_cast<std::int64_t>(draft.builder.shape(source).rank());
  for (std::int64_t axis = 0; axis < rank; ++axis)
    if (draft.chance(45)) options.push_back(as_option(draft.chance(30) ? axis - rank : axis));
  return draft.builder.add_step(std::string{name}, {source}, options);
}

std::size_t add_argmax(Draft& draft, std::string_view name, std::size_t source) {
  source = draft.with_axes(source);
  const auto rank = static_cast<std::int64_t>(draft.builder.shape(source).rank());
  return draft.builder.add_step(std::string{name}, {source}, {as_option(draft.below(rank))});
}

std::size_t add_along_axis(Draft& draft, std::string_view name, std::size_t source) {
  source = draft.with_axes(source);
  const auto rank = static_cast<std::int64_t>(draft.builder.shape(source).rank());
  const auto axis = draft.chance(60) ? -1 : draft.below(rank);
  return draft.builder.add_step(std::string{name}, {source}, {as_option(axis)});
}

std::size_t add_broadcast(Draft& draft, std::string_view, std::size_t source) {
  const auto shape = Shape{draft.builder.shape(draft.of_any_rank(source))};
  const auto part = stretched_operand(draft, shape);
  return draft.builder.add_step("broadcast_to", {part}, as_options(shape.extents()));
}

std::size_t add_sum_to(Draft& draft, std::string_view, std::size_t source) {
  source = draft.of_any_rank(source);
  const auto shape = draft.builder.shape(source);
  std::vector<std::int64_t> extents(shape.extents().begin(), shape.extents().end());
  extents.erase(extents.begin(),
                extents.begin() + draft.below(static_cast<std::int64_t>(extents.size()) + 1));
  for (auto& extent : extents) extent = draft.chance(30) ? 1 : extent;
  if (Shape{std::span<const std::int64_t>{extents}} == shape && shape.rank() > 0) extents[0] = 1;
  return draft.builder.add_step("sum_to", {source}, as_options(extents));
}

std::size_t add_reshape(Draft& draft, std::string_view, std::size_t source) {
  source = draft.of_any_rank(source);
  auto rest = draft.builder.shape(source).elements();
  std::vector<double> options;
  for (std::int64_t factor = 2; factor <= 9 && options.size() < 4; ++factor) {
    if (rest % factor != 0 || draft.chance(50)) continue;
    options.push_back(as_option(factor));
    rest /= factor;
  }
  options.push_back(-1);
  return draft.builder.add_step("reshape", {source}, options);
}

std::size_t add_flatten(Draft& draft, std::string_view, std::size_t source) {
  source = draft.with_axes(source);
  const auto rank = static_cast<std::int64_t>(draft.builder.shape(source).rank());
  return draft.builder.add_step("flatten", {source}, {as_option(draft.below(rank))});
}

std::size_t add_transpose(Draft& draft, std::string_view, std::size_t source) {
  source = draft.of_any_rank(source);
  std::vector<std::int64_t> axes(draft.builder.shape(source).rank());
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<std::int64_t>(i);
  draft.rng.shuffle(std::span{axes});
  return draft.builder.add_step("transpose", {source}, as_options(axes));
}

std::size_t add_slice(Draft& draft, std::string_view, std::size_t source) {
  source = draft.with_axes(source);
  const auto shape = draft.builder.shape(source);
  const auto axis = draft.below(static_cast<std::int64_t>(shape.rank()));
  const auto begin = draft.below(shape[static_cast<std::size_t>(axis)]);
  const auto end = begin + 1 + draft.below(shape[static_cast<std::size_t>(axis)] - begin);
  return draft.builder.add_step("slice", {source}, {as_option(axis), as_option(begin), as_option(end)});
}

std::size_t add_concatenation(Draft& draft, std::string_view, std::size_t source) {
  source = draft.with_axes(source);
  const auto shape = draft.builder.shape(source);
  const auto axis = draft.below(static_cast<std::int64_t>(shape.rank()));
  std::vector<std::size_t> operands{source};
  for (auto more = 1 + draft.below(2); more > 0; --more) {
    std::vector<std::int64_t> extents(shape.extents().begin(), shape.extents().end());
    extents[static_cast<std::size_t>(axis)] = draft.extent(9);
    operands.push_back(draft.chance(20) ? source
                                        : draft.input(Shape{std::span<const std::int64_t>{extents}}));
  }
  return draft.builder.add_step("concatenate", operands, {as_option(axis)});
}

std::size_t add_classification(Draft& draft, std::string_view name, std::size_t source) {
  const auto src = draft.of_rank(source, 2);
  const auto& shape = draft.builder.shape(src);
  return draft.builder.add_step(std::string{name}, {src, draft.labels(shape[0], shape[1])});
}

std::size_t add_mse(Draft& draft, std::string_view, std::size_t source) {
  source = draft.of_any_rank(source);
  return draft.builder.add_step("mse", {source, draft.input(Shape{draft.builder.shape(source)})});
}

const OperatorTable& table() {
  static const auto all = [] {
    OperatorTable result{{"matmul", add_matmul},
                         {"linear", add_linear},
                         {"argmax", add_argmax},
                         {"softmax", add_along_axis},
                         {"log_softmax", add_along_axis},
                         {"broadcast_to", add_broadcast},
                         {"sum_to", add_sum_to},
                         {"reshape", add_reshape},
                         {"flatten", add_flatten},
                         {"transpose", add_transpose},
                         {"slice", add_slice},
                         {"concatenate", add_concatenation},
                         {"nll", add_classification},
                         {"cross_entropy", add_classification},
                         {"mse", add_mse}};
    for (const auto* name : {"relu", "negate", "exp", "log", "sqrt", "square", "leaky_relu", "sigmoid",
                             "tanh", "gelu", "dropout"})
      result.emplace(name, add_unary);
    for (const auto* name : {"add", "subtract", "multiply", "divide", "maximum"})
      result.emplace(name, add_binary);
    for (const auto* name : {"sum", "mean", "max"}) result.emplace(name, add_reduction);
    add_loss_operators(result);
    add_normalization_operators(result);
    add_more(result);
    add_image_operators(result);
    return result;
  }();
  return all;
}

}  // namespace

std::size_t add_operator(Draft& draft, std::string_view name, std::size_t source) {
  return table().find(name)->second(draft, name, source);
}

const std::vector<std::string>& operator_names() {
  static const auto names = [] {
    std::vector<std::string> result;
    for (const auto& entry : table()) result.push_back(entry.first);
    return result;
  }();
  return names;
}

}  // namespace keel::differential
