// What plans of a whole model compute when they are run again and again.

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using namespace keel::testing;
using Numbers = std::vector<double>;

constexpr std::int64_t batch = 24;
constexpr std::int64_t features = 20;
constexpr std::int64_t classes = 5;

Tensor cyclic_labels() {
  Tensor labels{Shape{batch}, DType::s32};
  std::int32_t next = 0;
  for (auto& label : labels.data<std::int32_t>()) label = next++ % static_cast<std::int32_t>(classes);
  return labels;
}

// A small classifier with a plan of its training step and one of its predictions.
class Classifier {
 public:
  Classifier(bool batch_norm, DType dtype, std::span<const FusionRule> rules)
      : model_({.inputs = features, .hidden = {16, 9}, .classes = classes, .batch_norm = batch_norm}),
        images_(random_tensor({batch, features}, dtype, 7)),
        labels_(cyclic_labels()) {
    initialize(model_, Rng{3}, dtype);
    compile_training(rules);
    compile_inference(rules);
  }

  // The loss before the step.
  double train() {
    training_->run();
    return values_of(training_->output(0))[0];
  }

  Numbers predict(const Tensor& images) {
    inference_->bind(inference_input_, images);
    inference_->run();
    return values_of(inference_->output(0));
  }

  // The losses of some steps, then all that the model has become.
  Numbers history(int steps) {
    Numbers results;
    for (int i = 0; i < steps; ++i) results.push_back(train());
    for (const auto& [path, parameter] : parameters(model_)) {
      const auto values = values_of(parameter->value());
      results.insert(results.end(), values.begin(), values.end());
    }
    return results;
  }

  [[nodiscard]] const Tensor& images() const { return images_; }

 private:
  void compile_training(std::span<const FusionRule> rules) {
    Tape tape;
    const Var images = tape.input(images_.type(), "images");
    const Var labels = tape.input(labels_.type(), "labels");
    const Var loss = cross_entropy(model_(images), labels);
    std::vector<Var> trained;
    for (const auto& [path, parameter] : parameters(model_)) {
      if (parameter->kind() != Parameter::Kind::trained) continue;
      trained.push_back(tape.stored(parameter->value(), path));
    }
    sgd_.update(trained, gradients(loss, trained));
    training_.emplace(tape, std::array{loss}, PlanOptions{.rules = rules});
    training_->bind(images, images_);
    training_->bind(labels, labels_);
  }

  void compile_inference(std::span<const FusionRule> rules) {
    Tape tape{Mode::inference};
    const Var images = tape.input(images_.type(), "images");
    inference_input_ = images.id();
    inference_.emplace(tape, std::array{model_(images)}, PlanOptions{.rules = rules});
  }

  Mlp model_;
  Sgd sgd_{{.learning_rate = 0.1, .momentum = 0.9}};
  Tensor images_;
  Tensor labels_;
  std::optional<Plan> training_;
  std::optional<Plan> inference_;
  std::size_t inference_input_ = 0;
};

void for_each_kind(const std::function<void(bool, DType)>& check) {
  const ThreadLimit one{1};
  for (const bool batch_norm : {false, true}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      BOOST_TEST_CONTEXT("batch norm " << batch_norm << ", " << name_of(dtype)) check(batch_norm, dtype);
    }
  }
}

double largest_difference(const Numbers& a, const Numbers& b) {
  BOOST_TEST_REQUIRE(a.size() == b.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference;  // so that a NaN stays
    if (std::isnan(largest)) break;
  }
  return largest;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(plan_replay_test)

BOOST_AUTO_TEST_CASE(training_makes_the_loss_fall) {
  for_each_kind([](bool batch_norm, DType dtype) {
    const auto losses = Classifier{batch_norm, dtype, fusion_rules()}.history(30);
    BOOST_TEST(losses[29] < 0.5 * losses[0]);
  });
}

// The loss of one step and all that eight have made of the model. In f64, where the kernels are plain loops,
// fused ones do the same operations. In f32 the products and normalizations are the same as well, but exp and
// log are oneDNN's own where log_softmax stands alone and the C library's in the fused cross-entropy: they
// differ by a few units in the last place, and training carries that on. Values are about 1 or less.
BOOST_AUTO_TEST_CASE(fused_kernels_change_a_training_by_a_few_units_in_the_last_place) {
  for_each_kind([](bool batch_norm, DType dtype) {
    Classifier plain{batch_norm, dtype, {}};
    Classifier fused{batch_norm, dtype, fusion_rules()};
    const double difference = largest_difference(fused.history(8), plain.history(8));
    const double allowed = dtype == DType::f64 ? 0.0 : 64.0 * std::numeric_limits<float>::epsilon();
    BOOST_TEST(difference <= allowed);
  });
}

BOOST_AUTO_TEST_CASE(a_prediction_depends_on_nothing_that_earlier_runs_left) {
  for_each_kind([](bool batch_norm, DType dtype) {
    Classifier classifier{batch_norm, dtype, fusion_rules()};
    const auto first = classifier.predict(classifier.images());
    const auto other = classifier.predict(random_tensor({batch, features}, dtype, 8));
    BOOST_TEST(first != other);
    BOOST_TEST(classifier.predict(classifier.images()) == first, boost::test_tools::per_element());
  });
}

BOOST_AUTO_TEST_CASE(plans_that_share_parameters_see_each_others_updates) {
  for_each_kind([](bool batch_norm, DType dtype) {
    Classifier alone{batch_norm, dtype, fusion_rules()};
    Classifier watched{batch_norm, dtype, fusion_rules()};
    auto last = watched.predict(watched.images());
    for (int step = 0; step < 3; ++step) {
      // Predicting in between changes nothing about the training, but training changes the predictions.
      BOOST_TEST(watched.train() == alone.train());
      auto now = watched.predict(watched.images());
      BOOST_TEST(now != last);
      last = std::move(now);
    }
  });
}

BOOST_AUTO_TEST_SUITE_END()
