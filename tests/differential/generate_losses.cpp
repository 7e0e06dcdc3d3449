// Losses with options; see vocabulary_losses.cpp for what these mean.

#include "generator.hpp"

namespace keel::differential {
namespace {

double reduction(Draft& draft) {
  return draft.one_of<double>({0, 1, 2});
}

std::size_t add_regression(Draft& draft, std::string_view name, std::size_t source) {
  source = draft.of_any_rank(source);
  const auto target = draft.input(Shape{draft.builder.shape(source)});
  const double width = draft.one_of<double>({0.01, 0.5, 1, 3});
  return draft.builder.add_step(std::string{name}, {source, target}, {reduction(draft), width});
}

std::size_t add_binary(Draft& draft, std::string_view name, std::size_t source) {
  source = draft.of_any_rank(source);
  const auto target = draft.input(Shape{draft.builder.shape(source)});
  std::vector<double> options{reduction(draft)};
  if (draft.chance(40)) options.push_back(draft.one_of<double>({0.25, 1, 3}));
  return draft.builder.add_step(std::string{name}, {source, target}, options);
}

std::size_t add_classification(Draft& draft, std::string_view name, std::size_t source) {
  const auto src = draft.of_rank(source, 2);
  const auto shape = Shape{draft.builder.shape(src)};
  const double ignored = draft.chance(40) ? 0 : -1;
  const double smoothing = name == "weighted_nll" || draft.chance(50) ? 0 : 0.1;
  std::vector<double> options{reduction(draft), ignored, smoothing};
  if (draft.chance(50)) {
    for (std::int64_t c = 0; c < shape[1]; ++c) options.push_back(draft.one_of<double>({0, 0.5, 1, 4}));
  }
  return draft.builder.add_step(std::string{name}, {src, draft.labels(shape[0], shape[1])}, options);
}

std::size_t add_distribution(Draft& draft, std::string_view name, std::size_t source) {
  const auto src = draft.of_rank(source, 2);
  const auto targets = draft.input(Shape{draft.builder.shape(src)}, ValueKind::positive);
  const std::vector<double> options{reduction(draft), draft.chance(50) ? 0 : 0.1};
  return draft.builder.add_step(std::string{name}, {src, targets}, options);
}

}  // namespace

void add_loss_operators(OperatorTable& table) {
  for (const auto* name : {"l1", "huber", "smooth_l1"}) table.emplace(name, add_regression);
  table.emplace("binary_cross_entropy_with_logits", add_binary);
  for (const auto* name : {"weighted_nll", "weighted_cross_entropy"}) table.emplace(name, add_classification);
  table.emplace("cross_entropy_of_probabilities", add_distribution);
}

}  // namespace keel::differential
