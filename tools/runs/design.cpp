#include "keel/tools/runs/design.hpp"

#include <algorithm>

#include "keel/tools/data/batches.hpp"

namespace keel::tools {

std::vector<std::uint64_t> seeds_of(const StudyScale& scale) {
  std::vector<std::uint64_t> seeds;
  for (int i = 0; i < scale.seeds; ++i) seeds.push_back(scale.first_seed + static_cast<std::uint64_t>(i));
  return seeds;
}

RunSettings settings_for(const Study& study, const StudyScale& scale, const std::string& model,
                         std::uint64_t seed) {
  RunSettings settings{.study = study.name(), .model = model, .seed = seed, .limit = scale.limit};
  if (!scale.hidden.empty()) settings.hidden = scale.hidden;
  if (!scale.optimizer.empty()) settings.optimizer = scale.optimizer;
  return settings;
}

std::int64_t training_images(const StudyScale& scale, const RunSettings& settings) {
  return split_sizes(scale.data.train.size(), settings.limit).training;
}

std::int64_t steps_per_epoch(const StudyScale& scale, const RunSettings& settings) {
  const auto images = without_a_last_one(training_images(scale, settings), settings.batch_size);
  return std::max<std::int64_t>(1, (images + settings.batch_size - 1) / settings.batch_size);
}

namespace {

constexpr double products_a_second = 4e10;  // of multiplications and additions
constexpr double seconds_a_layer = 1e-5;    // of a step, besides its products

double weights_of(const StudyScale& scale, const RunSettings& settings) {
  double weights = 0.0;
  auto inputs = static_cast<double>(scale.data.train.height * scale.data.train.width);
  for (const auto width : settings.hidden) {
    weights += inputs * static_cast<double>(width);
    inputs = static_cast<double>(width);
  }
  return weights;
}

}  // namespace

double estimated_step_seconds(const StudyScale& scale, const RunSettings& settings) {
  return 3.0 * static_cast<double>(settings.batch_size) * 2.0 * weights_of(scale, settings) /
             products_a_second +
         seconds_a_layer * static_cast<double>(settings.hidden.size() + 1);
}

double estimated_seconds(const StudyScale& scale, const RunSettings& settings) {
  const auto validation = static_cast<double>(split_sizes(scale.data.train.size(), 0).validation);
  const double an_epoch =
      static_cast<double>(steps_per_epoch(scale, settings)) * estimated_step_seconds(scale, settings) +
      validation * 2.0 * weights_of(scale, settings) / products_a_second;
  return an_epoch * settings.epochs;
}

}  // namespace keel::tools
