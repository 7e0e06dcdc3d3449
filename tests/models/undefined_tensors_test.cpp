// A tensor that was moved from, or never made, has no values: whatever is given one says so, rather than that
// its shape is wrong.

#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"
#include "keel/models/safetensors.hpp"

namespace {

using namespace keel;
using test::random_tensor;
using test::throws_with;

auto says(const std::function<void()>& call, const std::string& what) {
  return throws_with<NoValuesError>(call, {what, "no values", "moved from"});
}

struct Fixture {
  Fixture() {
    initialize(model, Rng{1});
    const Tensor taken = std::move(gone);
  }
  Linear model{4, 4};
  Tensor gone = random_tensor({5, 4}, 1);
  Tensor never;
  Tensor src = random_tensor({5, 4}, 1);
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(undefined_tensors_test, Fixture)

BOOST_AUTO_TEST_CASE(steps_and_inference_say_which_tensor_has_no_values) {
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{model, sgd, mse};
  Inference inference{model};
  for (const bool run_before : {false, true}) {
    if (run_before) step(src, src), inference(src);
    for (const auto& tensor : {gone, never}) {
      BOOST_TEST(says([&] { step(tensor, src); }, "tensor 1 of the 2"));
      BOOST_TEST(says([&] { step(src, tensor); }, "tensor 2 of the 2"));
      BOOST_TEST(says([&] { step.plan(src, tensor); }, "tensor 2 of the 2"));
      BOOST_TEST(says([&] { inference(tensor); }, "tensor 1 of the 1"));
      BOOST_TEST(says([&] { population_statistics(model, std::vector{tensor}); }, "tensor 1 of the 1"));
    }
  }
  auto folded = fold_batch_norm(model, src.type());
  BOOST_TEST(says([&] { folded(gone); }, "input 'batch'"));
}

// Where the input is a scalar, an undefined tensor has the right type, too.
BOOST_AUTO_TEST_CASE(a_scalar_is_not_mistaken_for_a_tensor_without_values) {
  auto twice = [](const Var& scalar) { return scalar * 2.0; };
  Inference inference{twice};
  BOOST_TEST(says([&] { inference(gone); }, "tensor 1 of the 1"));
  BOOST_TEST(inference(Tensor::of<float>({}, {3})).data<float>()[0] == 6.0F);
  BOOST_TEST(says([&] { inference(gone); }, "tensor 1 of the 1"));
  Tape tape;
  const Var input = tape.input(Shape{}, DType::f32, "x");
  Plan plan{tape, std::array{input * 2.0}};
  BOOST_TEST(says([&] { plan.bind(input, gone); }, "input 'x' of the plan, which is f32 ()"));
}

BOOST_AUTO_TEST_CASE(gradcheck_says_which_tensor_has_no_values) {
  BOOST_TEST(
      says([&] { (void)gradcheck(model, mse, gone, src); }, "input 0 of gradcheck at undefined_tensors"));
  BOOST_TEST(
      says([&] { (void)gradcheck(model, mse, src, gone); }, "target 0 of gradcheck at undefined_tensors"));
  const std::function<Var(std::span<const Var>)> function = [](auto v) { return v[0] * v[1]; };
  const Tensor wide = test::converted(src, DType::f64);
  const GradcheckOptions options{.inputs = {wide, never}};
  BOOST_TEST(says([&] { (void)gradcheck(function, std::span<Shape>{}, options); }, "input 1"));
  BOOST_TEST(says([&] { (void)gradcheck_parameters(function, {}, options); }, "input 1"));
  BOOST_TEST(says([&] { (void)gradcheck_f32(function, options.inputs, {}, options); }, "input 1"));
  const std::vector<GradcheckParameter> parameters{{"scale", gone}};
  BOOST_TEST(says(
      [&] {
        (void)gradcheck_parameters(function, parameters, {.inputs = {wide, wide}});
      },
      "parameter 'scale'"));
}

BOOST_AUTO_TEST_CASE(tapes_parameters_and_files_say_so) {
  Tape tape;
  BOOST_TEST(says([&] { (void)tape.stored(gone); }, "stored on a tape"));
  BOOST_TEST(says([&] { (void)tape.stored(never, "table"); }, "'table'"));
  Parameter parameter{Shape{5, 4}, Initializer::constant(1)};
  BOOST_TEST(says([&] { parameter.set_value(gone); }, "a parameter of shape (5, 4)"));
  BOOST_TEST(says([&] { parameter.place(never); }, "a parameter of shape (5, 4)"));
  BOOST_TEST(says([&] { (void)gone.data<float>(); }, "elements were asked for as f32"));
  const auto path = std::filesystem::temp_directory_path() / ("keel-undefined-" + std::to_string(::getpid()));
  BOOST_TEST(says([&] { write_safetensors(path, std::vector<NamedTensor>{{"x", gone}}, {}); }, "'x'"));
  BOOST_TEST(!std::filesystem::exists(path));
  Linear fresh{4, 4};
  BOOST_TEST(throws_with<NoValuesError>([&] { save_checkpoint(fresh, path); },
                                        {"parameter 'weights' has no values yet", "initialize"}));
}

BOOST_AUTO_TEST_SUITE_END()
