// How a classifier does, against numbers that are counted by hand or directly.

#include "keel/tools/training/classification.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../../support/study_support.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/tools/data/batches.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

// The pixels are the logits: 255 stands for 1, 0 for -1.
Classifier pixels_as_logits(std::size_t classes) {
  Classifier classifier{.height = 1,
                        .width = static_cast<std::int64_t>(classes),
                        .class_names = {},
                        .light_background = false,
                        .model = [](const Var& images) {
                          return reshape(images, {-1, images.shape()[1]});
                        }};
  for (std::size_t i = 0; i < classes; ++i) classifier.class_names.push_back(std::to_string(i));
  return classifier;
}

BOOST_AUTO_TEST_SUITE(classification)

BOOST_AUTO_TEST_CASE(a_small_case_is_as_counted_by_hand) {
  // Predicted 0, 0, 1, 1, of 0, 1, 1, 1; nothing is or is taken for 2.
  const ImageSet set{.height = 1,
                     .width = 3,
                     .pixels = {255, 0, 0, 255, 0, 0, 0, 255, 0, 0, 255, 0},
                     .labels = {0, 1, 1, 1}};
  const auto result = classify(pixels_as_logits(3), set);
  BOOST_TEST(result.confusion[0] == (std::vector<std::int64_t>{1, 0, 0}), boost::test_tools::per_element());
  BOOST_TEST(result.confusion[1] == (std::vector<std::int64_t>{1, 2, 0}), boost::test_tools::per_element());
  BOOST_TEST(result.confusion[2] == (std::vector<std::int64_t>{0, 0, 0}), boost::test_tools::per_element());
  BOOST_TEST(result.mean.accuracy == 0.75);
  const auto scores = result.per_class();
  BOOST_TEST(scores[0].precision.value() == 0.5);
  BOOST_TEST(scores[0].recall.value() == 1.0);
  BOOST_TEST(scores[0].f1.value() == 2.0 / 3.0);
  BOOST_TEST(scores[0].support == 1);
  BOOST_TEST(scores[1].precision.value() == 1.0);
  BOOST_TEST(scores[1].recall.value() == 2.0 / 3.0);
  BOOST_TEST(scores[1].f1.value() == 0.8);
  BOOST_TEST(scores[1].support == 3);
  BOOST_TEST(!scores[2].precision);
  BOOST_TEST(!scores[2].recall);
  BOOST_TEST(!scores[2].f1);
  // All probabilities are this, so that there is one bin, three quarters of which are right.
  const double probability = std::exp(1.0) / (std::exp(1.0) + 2.0 * std::exp(-1.0));
  const auto tolerance = boost::test_tools::tolerance(1e-6);
  BOOST_TEST(result.calibration_error == std::abs(0.75 - probability), tolerance);
  BOOST_TEST(result.mean.loss == -(3.0 * std::log(probability) + std::log((1.0 - probability) / 2.0)) / 4.0,
             tolerance);
}

BOOST_AUTO_TEST_CASE(bins_of_the_calibration_error_are_a_fifteenth_wide) {
  // Of two classes: 0.5 (bin 7), 0.88 (bin 13) right, 0.88 wrong.
  const ImageSet set{.height = 1, .width = 2, .pixels = {0, 0, 255, 0, 255, 0}, .labels = {0, 0, 1}};
  const auto result = classify(pixels_as_logits(2), set);
  const double sure = std::exp(1.0) / (std::exp(1.0) + std::exp(-1.0));
  BOOST_TEST(result.calibration_error == (std::abs(1.0 - 0.5) + std::abs(1.0 - 2.0 * sure)) / 3.0,
             boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(a_network_gets_the_numbers_of_a_direct_computation) {
  const auto& data = tiny_data();
  Network network{options_of({.height = 8, .width = 8, .hidden = {9}, .classes = 5, .norm = Norm::batch})};
  initialize(network, Rng{3});
  Classifier classifier = pixels_as_logits(5);
  classifier.height = classifier.width = 8;
  classifier.model = [&](const Var& images) { return network(images); };
  const auto result = classify(classifier, data.test);

  // One image at a time.
  std::int64_t right = 0;
  double loss = 0.0;
  std::vector<std::vector<std::int64_t>> confusion(5, std::vector<std::int64_t>(5));
  Inference infer{network};
  BatchGatherer batch{data.test, 1};
  for (std::int32_t i = 0; i < data.test.size(); ++i) {
    batch.gather(std::span{&i, 1});
    const Tensor logits = infer(batch.images());
    const auto row = logits.data<float>();
    const auto label = data.test.labels[static_cast<std::size_t>(i)];
    const auto predicted = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
    ++confusion[label][predicted];
    if (predicted == label) ++right;
    double sum = 0.0;
    for (const double logit : row) sum += std::exp(logit);
    loss += std::log(sum) - static_cast<double>(row[label]);
  }
  BOOST_TEST((result.confusion == confusion));
  BOOST_TEST(result.mean.accuracy == static_cast<double>(right) / 100.0);
  BOOST_TEST(result.mean.loss == loss / 100.0, boost::test_tools::tolerance(1e-5));
  BOOST_TEST(result.calibration_error >= 0.0);
  BOOST_TEST(result.calibration_error <= 1.0);
}

BOOST_AUTO_TEST_CASE(probabilities_do_not_overflow) {
  const std::vector<float> logits{1e30F, -1e30F, 1e30F};
  const auto result = probabilities(logits);
  BOOST_TEST(result == (std::vector<double>{0.5, 0.0, 0.5}), boost::test_tools::per_element());
}

// Of a damaged network, or one whose training diverged: -1 stands for what is no number.
BOOST_AUTO_TEST_CASE(outputs_that_are_no_numbers_are_not_classified) {
  auto classifier = pixels_as_logits(2);
  classifier.model = [](const Var& images) { return sqrt(reshape(images, {-1, images.shape()[1]})); };
  const ImageSet whole{.height = 1, .width = 2, .pixels = {255, 255}, .labels = {0}};
  BOOST_TEST(classify(classifier, whole).mean.accuracy == 1.0);
  const ImageSet broken{.height = 1, .width = 2, .pixels = {255, 0}, .labels = {0}};
  BOOST_CHECK_EXCEPTION((void)classify(classifier, broken), DataError, [](const DataError& error) {
    return std::string{error.what()}.find("not finite numbers") != std::string::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
