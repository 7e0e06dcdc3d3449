#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using boost::test_tools::per_element;

// Which of two words stands more often in a sentence of four?
struct Counter {
  Embedding words{3, 4};
  Linear last{16, 2};

  Var operator()(Var sentences) { return last(flatten(words(sentences))); }
  void visit(auto&& each) { each("words", words), each("last", last); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(embedding_test)

BOOST_AUTO_TEST_CASE(looks_up_rows_and_starts_standard_normal) {
  Embedding words{1000, 20};
  initialize(words, Rng{1});
  const auto weights = parameters(words)[0].parameter->value();
  BOOST_TEST((weights.shape() == Shape{1000, 20}));
  double sum = 0;
  double squares = 0;
  for (const double w : test::values(weights)) sum += w, squares += w * w;
  BOOST_TEST(std::abs(sum / 20000) < 0.03);
  BOOST_TEST(std::abs(squares / 20000 - 1) < 0.05);
  Inference look_up{words};
  const auto found = look_up(Tensor::of<std::int32_t>({2, 1}, {999, 3}));
  BOOST_TEST((found.shape() == Shape{2, 1, 20}));
  BOOST_TEST(test::values(found)[0] == test::values(weights)[999 * 20]);
  BOOST_TEST(test::values(found)[20] == test::values(weights)[3 * 20]);
}

BOOST_AUTO_TEST_CASE(learns_and_leaves_unseen_rows_alone) {
  Rng random{1};
  Counter model;
  initialize(model, random.stream("weights"));
  const auto before = test::values(parameters(model)[0].parameter->value());
  Adam adam{{.learning_rate = 0.03}};
  TrainingStep step{model, adam, cross_entropy};
  Tensor sentences{{64, 4}, DType::s32};
  Tensor labels{{64}, DType::s32};
  double first = 0;
  double last = 0;
  for (int i = 0; i < 60; ++i) {
    auto words = sentences.data<std::int32_t>();
    for (auto& label : labels.data<std::int32_t>()) {
      std::int32_t ones = 0;
      for (auto& word : words.first(4)) ones += word = static_cast<std::int32_t>(random.below(2));
      label = ones > 2 ? 1 : 0;
      words = words.subspan(4);
    }
    last = step(sentences, labels);
    if (i == 0) first = last;
  }
  BOOST_TEST(last < 0.5 * first);
  const auto after = test::values(parameters(model)[0].parameter->value());
  BOOST_TEST((std::vector(after.begin() + 8, after.end())) == (std::vector(before.begin() + 8, before.end())),
             per_element());
}

BOOST_AUTO_TEST_CASE(padding_is_zero_and_not_trained) {
  Embedding words{3, 2, {.padding_index = 1}};
  initialize(words, Rng{1});
  Tape tape;
  const Var found = words(tape.stored(Tensor::of<std::int32_t>({3}, {1, 2, 1})));
  const Var weights = tape.stored(parameters(words)[0].parameter->value());
  const Var grad = gradients(sum(found), std::span{&weights, 1})[0];
  Plan plan{tape, std::array{found, grad}};
  plan.run();
  const auto rows = test::values(parameters(words)[0].parameter->value());
  BOOST_TEST(test::values(plan.output(0)) == (std::vector<double>{0, 0, rows[4], rows[5], 0, 0}),
             per_element());
  BOOST_TEST(test::values(plan.output(1)) == (std::vector<double>{0, 0, 0, 0, 1, 1}), per_element());
}

BOOST_AUTO_TEST_CASE(padding_is_zero_in_the_weights_and_the_others_start_as_without_it) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    Embedding padded{3, 2, {.padding_index = 1}};
    Embedding plain{3, 2};
    initialize(padded, Rng{1}, dtype);
    initialize(plain, Rng{1}, dtype);
    auto expected = test::values(parameters(plain)[0].parameter->value());
    expected[2] = expected[3] = 0.0;
    BOOST_TEST(test::values(parameters(padded)[0].parameter->value()) == expected, per_element());
  }
  Embedding words{3, 2, {.padding_index = 1}};
  initialize(words, Rng{1});
  Adam adam{{.learning_rate = 0.1, .weight_decay = 0.1, .decay = WeightDecay::everything}};
  TrainingStep step{words, adam, [](const Var& x) { return sum(square(x - 1.0)); }};
  for (int i = 0; i < 3; ++i) step(Tensor::of<std::int32_t>({3}, {0, 1, 2}));
  const auto rows = test::values(parameters(words)[0].parameter->value());
  BOOST_TEST(rows[2] == 0.0);
  BOOST_TEST(rows[3] == 0.0);
}

BOOST_AUTO_TEST_CASE(a_padding_index_out_of_range_is_refused) {
  for (const std::int64_t index : {-1, 3}) {
    BOOST_TEST(test::throws_with<Error>([&] { Embedding(3, 2, {.padding_index = index}); },
                                        {"padding_index", "from 0 to 2", std::to_string(index)}));
  }
}

BOOST_AUTO_TEST_CASE(every_weight_s_gradient) {
  Counter model;
  initialize(model, Rng{2});
  const auto report =
      gradcheck(model, cross_entropy, {Tensor::of<std::int32_t>({2, 4}, {0, 1, 2, 0, 2, 2, 2, 1})},
                {Tensor::of<std::int32_t>({2}, {0, 1})});
  BOOST_TEST(report.ok, report.text);
}

BOOST_AUTO_TEST_CASE(unknown_words_are_named_with_the_caller_s_line) {
  Embedding words{3, 2};
  initialize(words, Rng{1});
  const std::string line = "embedding_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&](const Var& v) { return words(v); };
  Inference look_up{call};
  BOOST_TEST(test::throws_with<Error>(
      [&] {
        look_up(Tensor::of<std::int32_t>({1, 2}, {0, 3}));
      },
      {"take at ", line, "index 3 at (0, 1) is not one of 0 to 2"}));
}

BOOST_AUTO_TEST_SUITE_END()
