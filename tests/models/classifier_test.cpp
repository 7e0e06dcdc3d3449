// What a user writes: a model of one's own, trained and applied, from the umbrella header alone.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "keel/keel.hpp"

namespace {

struct Classifier {
  keel::Linear fc1{784, 128}, fc2{128, 10};
  keel::BatchNorm bn1{128};

  keel::Var operator()(keel::Var images) { return fc2(keel::relu(bn1(fc1(images)))); }
  void visit(auto&& each) {
    each("fc1", fc1);
    each("bn1", bn1);
    each("fc2", fc2);
  }
};

struct Batch {
  keel::Tensor images{keel::Shape{64, 784}};
  keel::Tensor labels{keel::Shape{64}, keel::DType::s32};
};

// Noise with a bright bar whose place is the label.
std::vector<Batch> bars(std::size_t count) {
  keel::Rng rng{9};
  std::vector<Batch> batches(count);
  for (auto& batch : batches) {
    for (auto& pixel : batch.images.data<float>()) pixel = static_cast<float>(rng.uniform());
    for (std::size_t n = 0; n < 64; ++n) {
      const auto label = static_cast<std::size_t>(rng.below(10));
      batch.labels.data<std::int32_t>()[n] = static_cast<std::int32_t>(label);
      std::ranges::fill(batch.images.data<float>().subspan(n * 784 + label * 78, 78), 1.0F);
    }
  }
  return batches;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(classifier_test)

BOOST_AUTO_TEST_CASE(a_struct_with_a_call_operator_and_visit_is_a_model_that_trains) {
  Classifier model;
  keel::initialize(model, keel::Rng{1});
  keel::Sgd sgd{{.learning_rate = 0.01f, .momentum = 0.9f}};
  keel::TrainingStep step{model, sgd, keel::cross_entropy};
  std::vector<double> losses;
  const auto batches = bars(40);
  for (const auto& batch : batches) losses.push_back(step(batch.images, batch.labels));
  BOOST_TEST(losses.front() > 1.5);
  BOOST_TEST(losses.back() < 0.5);

  keel::Inference inference{model};
  const auto& last = batches.back();
  const auto logits = inference(last.images).data<float>();
  int right = 0;
  for (std::size_t n = 0; n < 64; ++n) {
    const auto row = logits.subspan(n * 10, 10);
    right += std::ranges::max_element(row) - row.begin() == last.labels.data<std::int32_t>()[n] ? 1 : 0;
  }
  BOOST_TEST(right >= 60);
}

BOOST_AUTO_TEST_SUITE_END()
