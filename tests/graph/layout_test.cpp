#include "keel/graph/layout.hpp"

#include <array>
#include <boost/test/unit_test.hpp>

#include "../support/graph_support.hpp"
#include "keel/runtime/buffer.hpp"

namespace {

using keel::aligned;
using keel::DType;
using keel::lay_out;
using keel::Layout;
using keel::Shape;
using keel::Tape;
using keel::Tensor;
using keel::ValueType;
using keel::Var;
using keel::testing::custom;

Layout layout_of(Tape& tape, std::initializer_list<Var> outputs, bool reuse = true, std::size_t scratch = 0) {
  std::vector<std::size_t> ids;
  for (const auto& output : outputs) ids.push_back(output.id());
  return lay_out(tape.program(), ids, scratch, reuse);
}

Var overwriting(const Var& src, const std::vector<std::size_t>& inputs = {0}) {
  return custom({.name = "overwriting", .may_overwrite = inputs}, {src});
}

Var copy(const Var& src) {
  return custom({.name = "copy"}, {src});
}

// One sum of vectors of any lengths, whose inputs are to be adjacent.
Var gather(std::initializer_list<Var> parts, std::vector<std::size_t> adjacent) {
  return custom({.name = "gather", .adjacent = std::move(adjacent)}, parts);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(layout_test)

BOOST_AUTO_TEST_CASE(inputs_and_stored_values_have_no_place_in_the_arena) {
  Tape tape;
  const Var input = tape.input({10});
  const Var stored = tape.stored(Tensor{Shape{10}});
  const Var sum = custom({}, {input, stored});
  const auto layout = layout_of(tape, {sum});
  BOOST_TEST(!layout.offsets[input.id()].has_value());
  BOOST_TEST(!layout.offsets[stored.id()].has_value());
  BOOST_TEST(layout.offsets[sum.id()].has_value());
  BOOST_TEST(layout.bytes == 64U);
}

BOOST_AUTO_TEST_CASE(an_input_that_is_not_read_again_is_overwritten) {
  Tape tape;
  const Var a = copy(tape.input({16}));
  const Var b = overwriting(a);
  const Var c = overwriting(b);
  const auto layout = layout_of(tape, {c});
  BOOST_TEST(*layout.offsets[a.id()] == *layout.offsets[b.id()]);
  BOOST_TEST(*layout.offsets[b.id()] == *layout.offsets[c.id()]);
  BOOST_TEST(layout.bytes == 64U);
}

BOOST_AUTO_TEST_CASE(an_input_that_is_read_later_is_not_overwritten) {
  Tape tape;
  const Var a = copy(tape.input({16}));
  const Var b = overwriting(a);
  const Var c = custom({.name = "both"}, {a, b});
  const auto layout = layout_of(tape, {c});
  BOOST_TEST(*layout.offsets[a.id()] != *layout.offsets[b.id()]);
}

// The place that b takes over is a's own for as long as b lives, not just until a's last use.
BOOST_AUTO_TEST_CASE(a_place_that_was_taken_over_is_kept_for_the_new_value) {
  Tape tape;
  const Var a = copy(tape.input({16}));
  const Var b = overwriting(a);
  const Var c = copy(tape.input({16}));
  const Var d = copy(c);
  const Var e = custom({.name = "both"}, {b, d});
  const auto layout = layout_of(tape, {e});
  BOOST_TEST(*layout.offsets[a.id()] == *layout.offsets[b.id()]);
  BOOST_TEST(*layout.offsets[b.id()] != *layout.offsets[c.id()]);
  BOOST_TEST(*layout.offsets[b.id()] != *layout.offsets[d.id()]);
}

BOOST_AUTO_TEST_CASE(an_output_is_not_overwritten) {
  Tape tape;
  const Var a = copy(tape.input({16}));
  const Var b = overwriting(a);
  const Var c = copy(copy(b));
  const auto layout = layout_of(tape, {a, c});
  for (const auto& later : {b, c}) BOOST_TEST(*layout.offsets[a.id()] != *layout.offsets[later.id()]);
}

BOOST_AUTO_TEST_CASE(only_inputs_that_the_operator_allows_are_overwritten) {
  Tape tape;
  const Var a = copy(tape.input({16}));
  const Var b = copy(tape.input({16}));
  const Var neither = copy(a);
  const Var second = custom({.name = "second", .may_overwrite = {1}}, {b, neither});
  const auto layout = layout_of(tape, {second});
  BOOST_TEST(*layout.offsets[neither.id()] != *layout.offsets[a.id()]);
  BOOST_TEST(*layout.offsets[second.id()] == *layout.offsets[neither.id()]);
}

BOOST_AUTO_TEST_CASE(an_input_of_another_size_is_not_overwritten) {
  Tape tape;
  const Var a = copy(tape.input({16}));
  const auto half = [](auto) { return std::vector<ValueType>{{Shape{8}, DType::f32}}; };
  const Var b = custom({.name = "half", .infer = half, .may_overwrite = {0}}, {a});
  const auto layout = layout_of(tape, {b});
  BOOST_TEST(*layout.offsets[a.id()] != *layout.offsets[b.id()]);
}

BOOST_AUTO_TEST_CASE(inputs_of_a_plan_are_never_overwritten) {
  Tape tape;
  const Var input = tape.input({16});
  const Var stored = tape.stored(Tensor{Shape{16}});
  const Var a = overwriting(input);
  const Var b = overwriting(stored);
  const auto layout = layout_of(tape, {a, b});
  BOOST_TEST(!layout.offsets[input.id()].has_value());
  BOOST_TEST(!layout.offsets[stored.id()].has_value());
  BOOST_TEST(*layout.offsets[a.id()] != *layout.offsets[b.id()]);
}

BOOST_AUTO_TEST_CASE(adjacent_values_stand_in_order_each_at_the_next_aligned_place) {
  Tape tape;
  const Var first = copy(tape.input({3}));
  const Var second = copy(tape.input({40}));
  const Var third = copy(tape.input({16}));
  const Var sum = gather({second, first, third}, {1, 0, 2});
  const auto layout = layout_of(tape, {sum});
  BOOST_TEST(*layout.offsets[second.id()] == *layout.offsets[first.id()] + aligned(12));
  BOOST_TEST(*layout.offsets[third.id()] == *layout.offsets[second.id()] + aligned(160));
}

// The group lives from its first member's making to its last member's use; what comes between must stay out.
BOOST_AUTO_TEST_CASE(adjacent_values_are_not_shared_while_any_of_them_is_needed) {
  Tape tape;
  const Var first = copy(tape.input({16}));
  const Var between = copy(copy(tape.input({16})));
  const Var second = copy(between);
  const Var sum = gather({first, second}, {0, 1});
  const auto layout = layout_of(tape, {sum});
  BOOST_TEST(*layout.offsets[second.id()] == *layout.offsets[first.id()] + 64);
  BOOST_TEST(*layout.offsets[between.id()] != *layout.offsets[first.id()]);
  BOOST_TEST(*layout.offsets[between.id()] != *layout.offsets[second.id()]);
}

BOOST_AUTO_TEST_CASE(adjacent_values_are_neither_overwritten_nor_put_over_others) {
  Tape tape;
  const Var a = copy(tape.input({16}));
  const Var first = overwriting(a);
  const Var second = copy(tape.input({16}));
  const Var sum = gather({first, second}, {0, 1});
  const Var after = overwriting(second);
  const auto layout = layout_of(tape, {sum, after});
  BOOST_TEST(*layout.offsets[second.id()] == *layout.offsets[first.id()] + 64);
  BOOST_TEST(*layout.offsets[first.id()] != *layout.offsets[a.id()]);
  BOOST_TEST(*layout.offsets[after.id()] != *layout.offsets[second.id()]);
}

BOOST_AUTO_TEST_CASE(a_group_leaves_out_what_has_its_place_elsewhere) {
  Tape tape;
  const Var a = copy(tape.input({16}));
  const Var b = copy(tape.input({16}));
  const Var c = copy(tape.input({16}));
  const Var stored = tape.stored(Tensor{Shape{16}});
  const Var one = gather({a, b}, {0, 1});
  const Var two = gather({stored, b, c, c}, {0, 1, 2, 3});
  const auto layout = layout_of(tape, {one, two});
  BOOST_TEST(*layout.offsets[b.id()] == *layout.offsets[a.id()] + 64);
  BOOST_TEST(layout.offsets[c.id()].has_value());
}

BOOST_AUTO_TEST_CASE(without_reuse_everything_has_a_place_of_its_own) {
  Tape tape;
  const Var a = copy(tape.input({16}));
  const Var b = overwriting(a);
  const Var c = overwriting(b);
  const auto layout = layout_of(tape, {c}, false, 64);
  BOOST_TEST(layout.bytes == 4 * 64U);
  BOOST_TEST(*layout.offsets[a.id()] != *layout.offsets[b.id()]);
  BOOST_TEST(*layout.offsets[b.id()] != *layout.offsets[c.id()]);
}

BOOST_AUTO_TEST_CASE(scratch_memory_is_apart_from_every_value) {
  Tape tape;
  const Var a = copy(tape.input({16}));
  const Var b = copy(a);
  const auto layout = layout_of(tape, {b}, true, 100);
  for (const auto& var : {a, b}) {
    const auto offset = *layout.offsets[var.id()];
    BOOST_TEST((offset + 64 <= layout.scratch_offset || layout.scratch_offset + 100 <= offset));
  }
  BOOST_TEST(layout.bytes == 64U + 64U + 128U);
}

BOOST_AUTO_TEST_SUITE_END()
