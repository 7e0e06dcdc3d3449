#include "keel/graph/tape.hpp"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <memory>
#include <optional>
#include <string>

#include "../support/graph_support.hpp"
#include "keel/graph/plan.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/relu.hpp"
#include "keel/runtime/error.hpp"

namespace {

using keel::DType;
using keel::Error;
using keel::Shape;
using keel::ShapeError;
using keel::SourceLocation;
using keel::Tape;
using keel::Tensor;
using keel::Var;
using keel::testing::custom;
using keel::testing::text_of;

// A layer as users write them: it takes its caller's line and passes it on.
Var layer(const Var& src, const Var& bias, const SourceLocation& where = SourceLocation::current()) {
  return keel::add(src, bias, where);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tape_test)

BOOST_AUTO_TEST_CASE(recording_computes_types_and_notes_what_was_called) {
  Tape tape;
  const Var a = tape.input({2, 3}, DType::f32, "a");
  const Var b = tape.stored(Tensor{Shape{3}}, "b");
  const int line = __LINE__ + 1;
  const Var sum = keel::add(a, b);
  BOOST_TEST(to_string(sum.type()) == "f32 (2, 3)");
  BOOST_TEST(tape.program().values[a.id()].name == "a");
  BOOST_TEST((tape.program().values[b.id()].kind == keel::ValueKind::stored));

  BOOST_TEST_REQUIRE(tape.program().nodes.size() == 1U);
  const auto& node = tape.program().nodes[0];
  BOOST_TEST(node.op->name() == "add");
  BOOST_TEST((node.inputs == std::vector{a.id(), b.id()}));
  BOOST_TEST((node.outputs == std::vector{sum.id()}));
  BOOST_TEST(describe(node.where) == fmt::format("tape_test.cpp:{}", line));
}

BOOST_AUTO_TEST_CASE(the_mode_belongs_to_the_tape) {
  BOOST_TEST((Tape{}.mode() == keel::Mode::training));
  BOOST_TEST((Tape{keel::Mode::inference}.mode() == keel::Mode::inference));
}

BOOST_AUTO_TEST_CASE(a_shape_error_names_operator_shapes_and_the_callers_line) {
  Tape tape;
  const Var a = tape.input({2, 3});
  const Var b = tape.input({4});
  const int line = __LINE__ + 1;
  const auto text = text_of<ShapeError>([&] { keel::add(a, b); });
  BOOST_TEST(text == fmt::format("add(f32 (2, 3), f32 (4)) at tape_test.cpp:{}: "
                                 "shapes (2, 3) and (4) do not broadcast: 3 meets 4",
                                 line));
}

BOOST_AUTO_TEST_CASE(an_infix_operator_knows_its_callers_line) {
  Tape tape;
  const Var a = tape.input({2, 3});
  const Var b = tape.input({4});
  const int line = __LINE__ + 1;
  const auto text = text_of<ShapeError>([&] { (void)(a * b); });
  BOOST_TEST(text.starts_with(fmt::format("multiply(f32 (2, 3), f32 (4)) at tape_test.cpp:{}:", line)), text);
}

BOOST_AUTO_TEST_CASE(a_line_that_a_layer_passes_on_is_that_of_the_layers_caller) {
  Tape tape;
  const Var a = tape.input({2, 3});
  const Var b = tape.input({4});
  const int line = __LINE__ + 1;
  const auto text = text_of<ShapeError>([&] { layer(a, b); });
  BOOST_TEST(text.starts_with(fmt::format("add(f32 (2, 3), f32 (4)) at tape_test.cpp:{}:", line)), text);
}

BOOST_AUTO_TEST_CASE(a_call_that_fails_leaves_the_tape_usable) {
  Tape tape;
  const Var a = tape.input({2}, DType::f64);
  BOOST_CHECK_THROW(keel::add(a, tape.input({3}, DType::f64)), ShapeError);
  BOOST_TEST(tape.program().nodes.empty());

  const Var doubled = keel::add(a, a);
  keel::Plan plan{tape, std::span{&doubled, 1}};
  plan.bind(a, Tensor::of<double>({2}, {1, 2}));
  plan.run();
  BOOST_TEST(plan.output(0).data<double>()[1] == 4.0);
}

BOOST_AUTO_TEST_CASE(the_same_memory_is_the_same_value) {
  Tape tape;
  const Tensor tensor{Shape{2}};
  const Tensor view = tensor;
  BOOST_TEST(tape.stored(tensor, "weights").id() == tape.stored(view).id());
  BOOST_TEST(tape.stored(tensor).id() != tape.stored(tensor.clone()).id());
  BOOST_TEST(tape.program().values.size() == 2U);
}

BOOST_AUTO_TEST_CASE(the_same_memory_is_not_two_types) {
  const auto buffer = std::make_shared<keel::Buffer>(std::size_t{64});
  Tape tape;
  tape.stored(Tensor{buffer, 0, {Shape{4}, DType::f32}}, "vector");
  BOOST_TEST(text_of<Error>([&] {
               tape.stored(Tensor{buffer, 0, {Shape{2, 2}, DType::f32}}, "matrix");
             }) == "'matrix' is f32 (2, 2), but the same memory is on the tape as f32 (4)");
}

BOOST_AUTO_TEST_CASE(a_tape_keeps_stored_memory_alive) {
  Tape tape;
  std::optional<Tensor> tensor = Tensor::of<double>({1}, {3});
  const Var stored = tape.stored(*tensor);
  tensor.reset();
  BOOST_TEST(tape.program().values[stored.id()].storage.data<double>()[0] == 3.0);
}

BOOST_AUTO_TEST_CASE(a_parameter_without_values_is_named) {
  Tape tape;
  BOOST_TEST(
      text_of<Error>([&] { tape.stored(Tensor{}, "fc1.weights"); }) ==
      "the tensor 'fc1.weights' that was to be stored on a tape has no values: where it is a parameter's, "
      "call keel::initialize on the model first; else it was moved from, or never given any");
}

BOOST_AUTO_TEST_CASE(stored_values_without_elements_that_lie_at_one_place_are_told_apart) {
  Tape tape;
  const auto buffer = std::make_shared<keel::Buffer>(64);
  const auto at_the_start = [&](Shape shape, DType dtype) {
    return tape.stored(Tensor{buffer, 0, {shape, dtype}});
  };
  const Var row = at_the_start({0, 3}, DType::f32);
  const Var column = at_the_start({3, 0}, DType::f32);
  const Var full = at_the_start({2}, DType::f64);
  BOOST_TEST(row.id() != column.id());
  BOOST_TEST(row.id() == at_the_start({0, 3}, DType::f32).id());
  BOOST_TEST(full.id() == at_the_start({2}, DType::f64).id());
  BOOST_CHECK_THROW(at_the_start({3}, DType::f32), Error);
}

// The tape has grown, and even gone, before they are looked at.
BOOST_AUTO_TEST_CASE(the_type_of_a_value_outlasts_the_tape) {
  auto tape = std::make_unique<Tape>();
  const Var x = tape->input({2, 3}, DType::f64);
  const Shape& shape = x.shape();
  const keel::ValueType& type = x.type();
  const auto extents = x.shape().extents();
  const auto& value = tape->program().values[0];
  for (int i = 0; i < 100; ++i) tape->input({5});
  BOOST_TEST((value.type.shape == Shape{2, 3}));
  tape.reset();
  BOOST_TEST((shape == Shape{2, 3}));
  BOOST_TEST((type.dtype == DType::f64));
  BOOST_TEST((extents[0] == 2 && extents[1] == 3));
  std::int64_t product = 1;
  for (const auto extent : Shape{4, 5}.extents()) product *= extent;
  BOOST_TEST(product == 20);
}

BOOST_AUTO_TEST_CASE(a_value_does_not_outlive_its_tape) {
  auto tape = std::make_unique<Tape>();
  tape->input({1});
  const Var var = tape->input({2});
  tape.reset();
  BOOST_TEST(var.defined());
  const std::string expected = "value 1 was used after its tape was destroyed";
  BOOST_TEST(text_of<Error>([&] { (void)var.type(); }) == expected);
  BOOST_TEST(text_of<Error>([&] { (void)var.tape(); }) == expected);
  BOOST_TEST(text_of<Error>([&] { keel::relu(var); }) == expected);
  Tape another;
  BOOST_TEST(text_of<Error>([&] { keel::add(another.input({2}), var); }) == expected);
}

BOOST_AUTO_TEST_CASE(an_undefined_value_can_not_be_used) {
  const Var undefined;
  const std::string expected = "an undefined Var was used; assign it the result of an operator first";
  BOOST_TEST(!undefined.defined());
  BOOST_TEST(text_of<Error>([&] { (void)undefined.shape(); }) == expected);
  BOOST_TEST(text_of<Error>([&] { keel::relu(undefined); }) == expected);
  Tape tape;
  BOOST_TEST(text_of<Error>([&] { keel::add(tape.input({2}), undefined); }) == expected);
}

BOOST_AUTO_TEST_CASE(inputs_on_different_tapes_are_refused) {
  Tape one;
  Tape other;
  const Var a = one.input({2});
  const Var b = other.input({2});
  const int line = __LINE__ + 1;
  const auto text = text_of<Error>([&] { keel::add(a, b); });
  BOOST_TEST(text == fmt::format("add at tape_test.cpp:{}: its inputs are on different tapes", line));
}

BOOST_AUTO_TEST_SUITE_END()
