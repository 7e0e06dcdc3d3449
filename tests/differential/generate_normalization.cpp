// Batch norm and its kin.

#include "generator.hpp"

namespace keel::differential {
namespace {

double epsilon(Draft& draft) {
  return draft.one_of<double>({1e-5, 1e-5, 1e-5, 1e-3, 1e-8, 0.1});
}

std::size_t add_batch_norm(Draft& draft, std::string_view name, std::size_t source) {
  const auto rank = draft.builder.shape(source).rank();
  const auto few = static_cast<std::size_t>(draft.chance(80) ? 2 : 3 + 2 * draft.below(2));
  const auto src = rank == 4 || draft.chance(30) ? draft.images(source) : draft.of_rank(source, few);
  const Shape features{draft.builder.shape(src)[1]};
  std::vector<std::size_t> operands{src, draft.parameter(features), draft.parameter(features)};
  std::vector<double> options{epsilon(draft)};
  if (name == "batch_norm_inference") {
    operands.push_back(draft.constant(features, ValueKind::normal));
    operands.push_back(draft.constant(features, ValueKind::positive));
  } else if (draft.chance(40)) {
    options.push_back(draft.one_of<double>({0.1, 0.01, -1.0}));
  }
  return draft.builder.add_step(std::string{name}, operands, options);
}

std::size_t add_layer_norm(Draft& draft, std::string_view, std::size_t source) {
  const bool fits = draft.builder.is_f32(source) && draft.builder.shape(source).rank() >= 2;
  const auto src = fits ? source : draft.input(draft.shape(static_cast<std::size_t>(2 + draft.below(3))));
  const auto& shape = draft.builder.shape(src);
  const Shape features{shape[shape.rank() - 1]};
  const auto gamma = draft.parameter(features);
  return draft.builder.add_step("layer_norm", {src, gamma, draft.parameter(features)}, {epsilon(draft)});
}

std::size_t with_channels(Draft& draft, std::size_t source) {
  const auto rank = draft.builder.shape(source).rank();
  if (draft.builder.is_f32(source) && rank >= 2) return source;
  return draft.input(draft.shape(static_cast<std::size_t>(2 + draft.below(3))));
}

std::size_t add_group_norm(Draft& draft, std::string_view name, std::size_t source) {
  const auto src = with_channels(draft, source);
  const Shape features{draft.builder.shape(src)[1]};
  std::vector<std::size_t> operands{src};
  if (draft.chance(60)) operands = {src, draft.parameter(features), draft.parameter(features)};
  std::vector<std::int64_t> divisors;
  for (std::int64_t groups = 1; groups <= features[0]; ++groups)
    if (features[0] % groups == 0) divisors.push_back(groups);
  const auto groups = static_cast<double>(draft.one_of(divisors));
  return draft.builder.add_step(std::string{name}, operands, {epsilon(draft), groups});
}

std::size_t add_rms_norm(Draft& draft, std::string_view name, std::size_t source) {
  const auto src = draft.with_axes(source);
  const auto shape = Shape{draft.builder.shape(src)};
  std::vector<std::size_t> operands{src};
  if (draft.chance(60)) operands.push_back(draft.parameter({shape[shape.rank() - 1]}));
  return draft.builder.add_step(std::string{name}, operands, {epsilon(draft)});
}

}  // namespace

void add_normalization_operators(OperatorTable& table) {
  for (const auto* name : {"batch_norm", "batch_norm_inference"}) table.emplace(name, add_batch_norm);
  table.emplace("layer_norm", add_layer_norm);
  for (const auto* name : {"group_norm", "instance_norm"}) table.emplace(name, add_group_norm);
  table.emplace("rms_norm", add_rms_norm);
}

}  // namespace keel::differential
