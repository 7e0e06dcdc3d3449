#include "keel/graph/fusion.hpp"

#include <array>
#include <boost/test/unit_test.hpp>

#include "../support/graph_support.hpp"
#include "keel/graph/plan.hpp"

namespace {

using keel::FusionRule;
using keel::Program;
using keel::Rewriter;
using keel::Tape;
using keel::Tensor;
using keel::Var;
using keel::testing::custom;

// Adds a whole number to every element.
class ShiftOp final : public keel::Operator {
 public:
  explicit ShiftOp(int by) : by_(by) {}
  [[nodiscard]] std::string_view name() const override { return "shift"; }
  [[nodiscard]] std::vector<keel::ValueType> infer(std::span<const keel::ValueType> inputs) const override {
    return {inputs[0]};
  }
  [[nodiscard]] keel::Kernel bind(const keel::Binding& binding) const override {
    return {[by = by_, src = binding.input<const double>(0), dst = binding.output<double>(0),
             count = binding.output_type(0).shape.elements()] {
              for (std::int64_t i = 0; i < count; ++i) dst.get()[i] = src.get()[i] + by;
            },
            "reference"};
  }
  [[nodiscard]] int by() const { return by_; }

 private:
  int by_;
};

Var shift(const Var& src, int by) {
  return keel::record(std::make_shared<ShiftOp>(by), {src}, keel::SourceLocation::current());
}

// shift(shift(x, a), b) = shift(x, a + b)
bool merge_shifts(Rewriter& rewriter, std::size_t index) {
  const auto* outer = rewriter.as<ShiftOp>(index);
  if (outer == nullptr) return false;
  const auto between = rewriter.node(index).inputs[0];
  const auto inner = rewriter.producer(between);
  if (!inner || rewriter.as<ShiftOp>(*inner) == nullptr || rewriter.only_reader(between) != index)
    return false;
  rewriter.node(index).op = std::make_shared<ShiftOp>(outer->by() + rewriter.as<ShiftOp>(*inner)->by());
  rewriter.node(index).inputs = rewriter.node(*inner).inputs;
  rewriter.remove(*inner);
  return true;
}

constexpr std::array rules{FusionRule{"shift+shift", merge_shifts}};

struct Shifts {
  Tape tape;
  Var x = tape.stored(Tensor::of<double>({2}, {0.5, -3}));
  Var a = shift(x, 1);
  Var b = shift(a, 10);
  Var c = shift(b, 100);
};

struct Result {
  std::size_t steps;
  std::vector<double> first;
};

// The plan's first output and the number of its steps.
Result run(const Tape& tape, std::span<const Var> outputs, std::span<const FusionRule> with) {
  keel::Plan plan{tape, outputs, {.rules = with}};
  plan.run();
  return {plan.steps().size(), keel::testing::values_of(plan.output(0))};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fusion_test)

BOOST_AUTO_TEST_CASE(a_rewriter_knows_who_makes_and_who_reads_a_value) {
  Shifts s;
  const Var twice = custom({.name = "pair"}, {s.a, s.a});
  Program program = s.tape.program();
  const std::array outputs{s.c.id()};
  const Rewriter rewriter{program, outputs};
  BOOST_TEST(rewriter.node_count() == 4U);
  BOOST_TEST(!rewriter.producer(s.x.id()).has_value());
  BOOST_TEST(rewriter.producer(s.b.id()).value() == 1U);
  BOOST_TEST(rewriter.readers(s.a.id()) == (std::vector<std::size_t>{1, 3}),
             boost::test_tools::per_element());
  BOOST_TEST(rewriter.readers(twice.id()).empty());
  BOOST_TEST((rewriter.value(s.b.id()).type == s.b.type()));
}

BOOST_AUTO_TEST_CASE(the_only_reader_is_neither_one_of_several_nor_the_caller_of_the_plan) {
  Shifts s;
  const Var twice = custom({.name = "pair"}, {s.c, s.c});
  Program program = s.tape.program();
  const std::array outputs{s.a.id(), twice.id()};
  const Rewriter rewriter{program, outputs};
  BOOST_TEST(!rewriter.only_reader(s.a.id()).has_value());
  BOOST_TEST(rewriter.only_reader(s.b.id()).value() == 2U);
  BOOST_TEST(rewriter.only_reader(s.c.id()).value() == 3U);
  BOOST_TEST(!rewriter.only_reader(twice.id()).has_value());
}

BOOST_AUTO_TEST_CASE(an_operator_is_known_by_its_class) {
  Shifts s;
  custom({.name = "shift"}, {s.c});
  Program program = s.tape.program();
  const Rewriter rewriter{program, {}};
  BOOST_TEST_REQUIRE(rewriter.as<ShiftOp>(2) != nullptr);
  BOOST_TEST(rewriter.as<ShiftOp>(2)->by() == 100);
  BOOST_TEST(rewriter.as<ShiftOp>(3) == nullptr);
}

BOOST_AUTO_TEST_CASE(settling_removes_nodes_and_renumbers_the_rest) {
  Shifts s;
  Program program = s.tape.program();
  const std::array outputs{s.c.id()};
  Rewriter rewriter{program, outputs};
  const auto added = rewriter.add_value(s.x.type());
  rewriter.node(2).inputs = {added};
  rewriter.remove(0);
  rewriter.settle();
  BOOST_TEST(rewriter.node_count() == 2U);
  BOOST_TEST(!rewriter.producer(s.a.id()).has_value());
  BOOST_TEST(rewriter.producer(s.c.id()).value() == 1U);
  BOOST_TEST(rewriter.only_reader(added).value() == 1U);
  BOOST_TEST(rewriter.readers(s.b.id()).empty());
  BOOST_TEST((rewriter.value(added).kind == keel::ValueKind::intermediate));
}

BOOST_AUTO_TEST_CASE(a_rule_is_applied_until_it_fits_no_more) {
  Shifts s;
  const auto plain = run(s.tape, std::array{s.c}, {});
  const auto fused = run(s.tape, std::array{s.c}, rules);
  BOOST_TEST(plain.steps == 3U);
  BOOST_TEST(fused.steps == 1U);
  BOOST_TEST(plain.first == (std::vector<double>{111.5, 108}), boost::test_tools::per_element());
  BOOST_TEST(fused.first == plain.first, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_value_that_the_caller_wants_is_not_fused_away) {
  Shifts s;
  const auto fused = run(s.tape, std::array{s.b, s.c}, rules);
  BOOST_TEST(fused.steps == 2U);
  BOOST_TEST(fused.first == (std::vector<double>{11.5, 8}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_value_that_another_node_reads_is_not_fused_away) {
  Shifts s;
  const Var reader = custom({.name = "copy"}, {s.a});
  const auto fused = run(s.tape, std::array{reader, s.c}, rules);
  BOOST_TEST(fused.steps == 3U);
  BOOST_TEST(fused.first == (std::vector<double>{1.5, -2}), boost::test_tools::per_element());
}

// A reader that leads nowhere is dropped first, and so does not stand in the way.
BOOST_AUTO_TEST_CASE(dead_readers_do_not_prevent_fusion) {
  Shifts s;
  custom({.name = "dead"}, {s.a});
  BOOST_TEST(run(s.tape, std::array{s.c}, rules).steps == 1U);
}

BOOST_AUTO_TEST_CASE(the_tape_is_not_touched) {
  Shifts s;
  (void)run(s.tape, std::array{s.c}, rules);
  BOOST_TEST(s.tape.program().nodes.size() == 3U);
  BOOST_TEST(run(s.tape, std::array{s.c}, {}).steps == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
