#include "keel/tools/training/evaluator.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "keel/graph/converted.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/tools/data/batches.hpp"

namespace keel::tools {
namespace {

template <class Float>
std::int64_t count_correct(const Tensor& logits, const Tensor& labels) {
  const auto classes = static_cast<std::size_t>(logits.shape()[1]);
  const auto scores = logits.data<Float>();
  const auto expected = labels.data<std::int32_t>();
  std::int64_t correct = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto row = scores.subspan(i * classes, classes);
    if (std::ranges::max_element(row) - row.begin() == expected[i]) ++correct;
  }
  return correct;
}

std::int64_t count_correct(const Tensor& logits, const Tensor& labels) {
  return logits.dtype() == DType::f64 ? count_correct<double>(logits, labels)
                                      : count_correct<float>(logits, labels);
}

double number_in(const Tensor& scalar) {
  return scalar.dtype() == DType::f64 ? scalar.data<double>()[0] : scalar.data<float>()[0];
}

}  // namespace

Evaluator::Evaluator(Model model, std::int64_t batch_size, Mode mode, DType precision, Communicator ranks)
    : function_(mode,
                [model = std::move(model)](Tape&, std::span<const Var> inputs) -> std::vector<Var> {
                  const Var logits = model(inputs[0]);
                  return {logits, cross_entropy(logits, inputs[1])};
                }),
      batch_size_(batch_size),
      mode_(mode),
      precision_(precision),
      ranks_(std::move(ranks)) {}

Evaluation Evaluator::operator()(const ImageSet& set, std::span<const std::int32_t> indices,
                                 const Look& look) {
  const auto size = static_cast<std::size_t>(batch_size_);
  if (mode_ == Mode::training) {
    const auto trainable = without_a_last_one(std::ssize(indices), batch_size_);
    indices = indices.first(static_cast<std::size_t>(trainable));
  }
  BatchGatherer batch{set, batch_size_};
  // By batch, so that they are added up in one order whoever evaluated them; then the correct ones.
  const auto batches = (indices.size() + size - 1) / size;
  std::vector<double> sums(batches + 1);
  const auto rank = static_cast<std::size_t>(ranks_.rank());
  for (std::size_t i = rank; i < batches; i += static_cast<std::size_t>(ranks_.size())) {
    const auto begin = i * size;
    const auto part = indices.subspan(begin, std::min(size, indices.size() - begin));
    batch.gather(part);
    const auto images = precision_ == DType::f32 ? batch.images() : converted(batch.images(), precision_);
    const std::array inputs{images, batch.labels()};
    const Plan& plan = function_(inputs);
    if (look) look(plan.output(0), batch.labels());
    sums[batches] += static_cast<double>(count_correct(plan.output(0), batch.labels()));
    sums[i] = number_in(plan.output(1)) * static_cast<double>(part.size());
  }
  ranks_.all_reduce(sums, "an evaluation");
  const double correct = sums.back();
  const double loss = std::accumulate(sums.begin(), sums.end() - 1, 0.0);
  const auto count = static_cast<double>(indices.size());
  return {loss / count, correct / count};
}

Evaluation Evaluator::operator()(const ImageSet& set) {
  return (*this)(set, all_of(set));
}

}  // namespace keel::tools
