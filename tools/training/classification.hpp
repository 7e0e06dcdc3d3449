#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "keel/tools/training/classifier.hpp"

namespace keel::tools {

/// How a classifier does on one class; none where there is nothing to divide by.
struct ClassScore {
  std::optional<double> precision;  ///< of the images that were taken for it, the share that are of it
  std::optional<double> recall;     ///< of its images, the share that were taken for it
  std::optional<double> f1;         ///< the harmonic mean of both
  std::int64_t support = 0;         ///< its images
};

/// How many bins of equal width the calibration error sorts predictions into.
inline constexpr std::size_t calibration_bins = 15;

/// How a classifier does on a set of images.
struct Classification {
  Evaluation mean;
  std::vector<std::vector<std::int64_t>> confusion;  ///< images, by true class and by predicted class
  /// The expected calibration error (Guo et al. 2017): predictions are sorted by the probability of their
  /// class into bins, and the distance between a bin's accuracy and its mean probability is averaged over the
  /// images.
  double calibration_error = 0.0;

  [[nodiscard]] std::vector<ClassScore> per_class() const;
};

/// Runs a classifier over all images of a set, whose labels must be below its number of classes.
Classification classify(const Classifier& classifier, const ImageSet& set);

/// The probabilities of the classes, by softmax, in double.
/// Throws DataError if one is not finite, as a network gives them that is damaged or whose training diverged.
std::vector<double> probabilities(std::span<const float> logits);

}  // namespace keel::tools
