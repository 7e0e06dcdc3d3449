// A plan for several threads that has others beside it computes the same.

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/keel.hpp"
#include "keel/runtime/threads.hpp"

namespace {

using namespace keel;
using namespace keel::testing;

// What a Probe's kernels do, and what they were run on.
struct Watch {
  std::atomic<bool> stalls = false;
  std::atomic<int> threads = 0;
  std::atomic<int> runs_on_one = 0;
};

// Copies its input, and takes as long over it as if another program had the processor, if told so. With
// `counts` it adds the number of threads to it: other bits on another number.
class Probe final : public Operator {
 public:
  Probe(Watch& watch, bool counts) : watch_(watch), counts_(counts) {}

  [[nodiscard]] std::string_view name() const override { return "probe"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {inputs[0]};
  }
  [[nodiscard]] Cost cost(std::span<const ValueType>, std::span<const ValueType>) const override {
    return {.flops = 1e6, .bytes = 0.0};
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return {[this, src = binding.input<const float>(0), dst = binding.output<float>(0),
             count = binding.input_type(0).shape.elements()] {
              const int threads = ThreadLimit::current();
              watch_.threads = threads;
              if (threads == 1) ++watch_.runs_on_one;
              if (watch_.stalls && threads > 1) std::this_thread::sleep_for(std::chrono::milliseconds{20});
              for (std::int64_t i = 0; i < count; ++i)
                dst.get()[i] = src.get()[i] + static_cast<float>(counts_ ? threads : 0);
            },
            "loop"};
  }
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    return {context.output_grads[0]};
  }

 private:
  Watch& watch_;
  bool counts_;
};

Var probe(Watch& watch, const Var& src, bool counts = false) {
  return record(std::make_shared<Probe>(watch, counts), {src}, SourceLocation::current());
}

// A model's training step, with a probe between logits and loss.
class Trained {
 public:
  Trained(Watch& watch, bool batch_norm)
      : model_({.inputs = 200, .hidden = {96}, .classes = 10, .batch_norm = batch_norm}),
        images_(random_tensor({64, 200}, DType::f32, 7)),
        labels_(Shape{64}, DType::s32) {
    initialize(model_, Rng{3});
    Tape tape;
    const Var images = tape.input(images_.type(), "images");
    const Var labels = tape.input(labels_.type(), "labels");
    const Var logits = model_(images);
    const Var loss = cross_entropy(probe(watch, logits), labels);
    std::vector<Var> trained;
    for (const auto& [path, parameter] : parameters(model_)) {
      if (parameter->kind() == Parameter::Kind::trained)
        trained.push_back(tape.stored(parameter->value(), path));
    }
    sgd_.update(trained, gradients(loss, trained));
    plan_.emplace(tape, std::array{loss}, PlanOptions{.rules = fusion_rules()});
    plan_->bind(images, images_);
    plan_->bind(labels, labels_);
  }

  double step() {
    plan_->run();
    return values_of(plan_->output(0))[0];
  }

  std::vector<double> weights() {
    std::vector<double> result;
    for (const auto& [path, parameter] : parameters(model_)) {
      const auto values = values_of(parameter->value());
      result.insert(result.end(), values.begin(), values.end());
    }
    return result;
  }

 private:
  Mlp model_;
  Sgd sgd_{{.learning_rate = 0.1, .momentum = 0.9}};
  Tensor images_;
  Tensor labels_;
  std::optional<Plan> plan_;
};

std::vector<double> history(Watch& watch, bool batch_norm, bool crowded) {
  Trained trained{watch, batch_norm};
  std::vector<double> losses;
  for (int i = 0; i < 30; ++i) {
    watch.stalls = crowded && i >= 10;
    losses.push_back(trained.step());
  }
  const auto weights = trained.weights();
  losses.insert(losses.end(), weights.begin(), weights.end());
  return losses;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(yielding_test)

BOOST_AUTO_TEST_CASE(a_crowded_training_step_moves_to_one_thread_and_gives_the_same_bits) {
  for (const bool batch_norm : {false, true}) {
    const ThreadLimit two{2};
    Watch undisturbed;
    Watch crowded;
    const auto expected = history(undisturbed, batch_norm, false);
    BOOST_TEST(history(crowded, batch_norm, true) == expected, boost::test_tools::per_element());
    // Two of these runs are the trial, and one kernel of it.
    BOOST_TEST(crowded.runs_on_one > 3);
    BOOST_TEST(ThreadLimit::current() == 2);
  }
}

BOOST_AUTO_TEST_CASE(a_kernel_with_other_bits_on_one_thread_keeps_the_plan_on_several) {
  const ThreadLimit two{2};
  Watch watch;
  Tape tape;
  const Tensor src = random_tensor({64, 4}, DType::f32, 5);
  const Var input = tape.input(src.type());
  const std::array output{probe(watch, input, true)};
  Plan plan{tape, output};
  plan.bind(input, src);
  watch.stalls = true;
  for (int i = 0; i < 10; ++i) {
    plan.run();
    BOOST_TEST(plan.output(0).data<float>()[0] == src.data<float>()[0] + 2.0F);
  }
}

BOOST_AUTO_TEST_CASE(a_plan_for_one_thread_is_not_watched) {
  const ThreadLimit one{1};
  Watch watch;
  history(watch, false, true);
  BOOST_TEST(watch.runs_on_one == 30);
}

BOOST_AUTO_TEST_SUITE_END()
