#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/keel.hpp"

// Errors in a model or a loss name the line that its user wrote, never one of keel's headers.

namespace {

using namespace keel;
using keel::testing::text_of;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string at_line(int line) {
  return "caller_line_test.cpp:" + std::to_string(line);
}

// Of three classes, whose loss fits labels (2) alone.
struct Fixture {
  Linear linear{4, 3};
  Sgd sgd{{}};
  Tensor images{{2, 4}};
  Tensor labels{{2}, DType::s32};
  Tensor too_many{{5}, DType::s32};

  Fixture() { initialize(linear, Rng{1}); }
};

struct Nothing {
  Var operator()(const Var& src) const { return src; }
  void visit(auto&&) {}
};

Var cross_entropy_of_two(const Var& scores, const Var& labels, const SourceLocation& where) {
  return cross_entropy(scores, labels, {}, where);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(caller_line_test, Fixture)

BOOST_AUTO_TEST_CASE(a_bare_loss_names_the_line_where_the_step_was_made) {
  const int line = __LINE__ + 1;
  TrainingStep step{linear, sgd, cross_entropy};
  const auto text = text_of<Error>([&] { step(images, too_many); });
  BOOST_TEST(contains(text, at_line(line)), text);
  BOOST_TEST(!contains(text, ".hpp"), text);
}

BOOST_AUTO_TEST_CASE(a_bare_layer_names_the_line_where_the_step_was_made) {
  const int line = __LINE__ + 1;
  TrainingStep step{linear, sgd, cross_entropy};
  const auto text = text_of<Error>([&] { step(Tensor{{2, 5}}, labels); });
  BOOST_TEST(contains(text, "linear"), text);
  BOOST_TEST(contains(text, at_line(line)), text);
}

BOOST_AUTO_TEST_CASE(a_bare_layer_names_the_line_where_inference_was_made) {
  const int line = __LINE__ + 1;
  Inference predict{linear};
  const auto text = text_of<Error>([&] { predict(Tensor{{2, 5}}); });
  BOOST_TEST(contains(text, at_line(line)), text);
}

BOOST_AUTO_TEST_CASE(layers_in_a_row_name_the_line_where_the_step_was_made) {
  Sequential model{Linear{4, 3}, relu};
  initialize(model, Rng{1});
  const int line = __LINE__ + 1;
  TrainingStep step{model, sgd, cross_entropy};
  const auto text = text_of<Error>([&] { step(Tensor{{2, 5}}, labels); });
  BOOST_TEST(contains(text, at_line(line)), text);
}

BOOST_AUTO_TEST_CASE(a_loss_of_one_s_own_names_its_own_line) {
  int line = 0;
  const auto loss = [&](const Var& logits, const Var& targets) {
    line = __LINE__ + 1;
    return cross_entropy(logits, targets);
  };
  TrainingStep step{linear, sgd, loss};
  const auto text = text_of<Error>([&] { step(images, too_many); });
  BOOST_TEST(contains(text, at_line(line)), text);
}

BOOST_AUTO_TEST_CASE(a_loss_that_is_no_scalar_names_the_line_where_the_step_was_made) {
  const int line = __LINE__ + 1;
  TrainingStep step{linear, sgd, [](const Var& logits, const Var&) { return logits; }};
  const auto text = text_of<Error>([&] { step(images, labels); });
  BOOST_TEST(contains(text, "the loss must be a scalar"), text);
  BOOST_TEST(contains(text, at_line(line)), text);
}

BOOST_AUTO_TEST_CASE(targets_that_do_not_fit_the_loss_name_the_line_where_the_step_was_made) {
  const int line = __LINE__ + 1;
  TrainingStep step{linear, sgd, cross_entropy};
  BOOST_TEST(contains(text_of<Error>([&] { step(images, labels, labels); }), at_line(line)));
}

BOOST_AUTO_TEST_CASE(a_model_without_parameters_names_the_line_where_the_step_was_made) {
  Nothing model;
  const int line = __LINE__ + 1;
  TrainingStep step{model, sgd, cross_entropy};
  const auto text = text_of<Error>([&] { step(Tensor{{2, 3}}, labels); });
  BOOST_TEST(contains(text, at_line(line)), text);
}

BOOST_AUTO_TEST_CASE(an_update_that_is_not_finite_names_the_line_where_the_step_was_made) {
  const int line = __LINE__ + 1;
  TrainingStep step{linear, sgd, cross_entropy};
  images.data<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  const auto text = text_of<Error>([&] { step(images, labels); });
  BOOST_TEST(contains(text, at_line(line)), text);
}

BOOST_AUTO_TEST_CASE(a_bare_layer_names_the_line_of_whatever_applies_it) {
  const ValueType wrong{{2, 5}, DType::f32};
  const std::vector<Tensor> batches{Tensor{{2, 5}}};
  const auto check = [](const std::string& text, int line) {
    BOOST_TEST(contains(text, at_line(line)), text);
    BOOST_TEST(!contains(text, ".hpp"), text);
  };
  check(text_of<Error>([&] { (void)fold_batch_norm(linear, wrong); }), __LINE__);
  check(text_of<Error>([&] { population_statistics(linear, batches); }), __LINE__);
  check(text_of<Error>([&] { (void)compute(linear, batches[0]); }), __LINE__);
  check(text_of<Error>([&] { (void)compute(cross_entropy_of_two, images, too_many); }), __LINE__);
  Mlp mlp{{.inputs = 4}};
  initialize(mlp, Rng{1});
  check(text_of<Error>([&] { (void)compute([&](const Var& x) { return mlp(x); }, batches[0]); }), __LINE__);
  const int line = __LINE__ + 1;
  Inference predict{mlp};
  check(text_of<Error>([&] { predict(batches[0]); }), line);
}

BOOST_AUTO_TEST_SUITE_END()
