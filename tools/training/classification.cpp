#include "keel/tools/training/classification.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "keel/tools/data/batches.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {
namespace {

struct CalibrationBin {
  double probability = 0.0;
  double correct = 0.0;
};
using CalibrationBins = std::array<CalibrationBin, calibration_bins>;

double calibration_error(const CalibrationBins& bins, std::int64_t images) {
  double sum = 0.0;
  for (const auto& bin : bins) sum += std::abs(bin.correct - bin.probability);
  return sum / static_cast<double>(images);
}

std::optional<double> share(std::int64_t part, std::int64_t of) {
  if (of == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(of);
}

}  // namespace

std::vector<double> probabilities(std::span<const float> logits) {
  if (!std::ranges::all_of(logits, [](float logit) { return std::isfinite(logit); }))
    throw DataError{
        "the network's outputs are not finite numbers: it is damaged, its training diverged, or the file's output is not "
        "the logits"};
  const double largest = *std::ranges::max_element(logits);
  std::vector<double> result;
  double sum = 0.0;
  for (const double logit : logits) {
    result.push_back(std::exp(logit - largest));
    sum += result.back();
  }
  for (auto& probability : result) probability /= sum;
  return result;
}

std::vector<ClassScore> Classification::per_class() const {
  std::vector<ClassScore> scores;
  for (std::size_t i = 0; i < confusion.size(); ++i) {
    std::int64_t predicted = 0;
    std::int64_t support = 0;
    for (std::size_t k = 0; k < confusion.size(); ++k)
      predicted += confusion[k][i], support += confusion[i][k];
    const auto right = confusion[i][i];
    scores.push_back(
        {share(right, predicted), share(right, support), share(2 * right, predicted + support), support});
  }
  return scores;
}

Classification classify(const Classifier& classifier, const ImageSet& set) {
  const auto classes = classifier.class_names.size();
  Classification result{.mean = {}, .confusion = {classes, std::vector<std::int64_t>(classes)}};
  CalibrationBins bins{};
  const auto look = [&](const Tensor& logits, const Tensor& labels) {
    const auto expected = labels.data<std::int32_t>();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto row = logits.data<float>().subspan(i * classes, classes);
      const auto predicted = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
      const auto truth = static_cast<std::size_t>(expected[i]);
      ++result.confusion[truth][predicted];
      const double probability = probabilities(row)[predicted];
      const auto place = static_cast<std::size_t>(probability * static_cast<double>(calibration_bins));
      auto& bin = bins[std::min(place, calibration_bins - 1)];
      bin.probability += probability, bin.correct += truth == predicted ? 1.0 : 0.0;
    }
  };
  Evaluator evaluate{classifier.model, classifier.largest_batch};
  result.mean = evaluate(set, all_of(set), look);
  result.calibration_error = calibration_error(bins, set.size());
  return result;
}

}  // namespace keel::tools
