// Where a fusion rule must and must not find its pattern.

#include <array>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/graph/fusion.hpp"
#include "keel/ops/batch_norm.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/ops/relu.hpp"

namespace {

using namespace keel;
using namespace keel::testing;

// A node of a made-up operator, which the rule tells apart by its name.
Var op(std::string name, const Var& src) {
  return custom({.name = std::move(name)}, {src});
}

// The producer of a node's first input, if it has that name.
std::optional<std::size_t> producer_named(Rewriter& rewriter, std::size_t index, std::string_view name) {
  const auto producer = rewriter.producer(rewriter.node(index).inputs[0]);
  if (!producer || rewriter.node(*producer).op->name() != name) return std::nullopt;
  return producer;
}

// third(second(first(x))) -> triple(x) in the place of the third.
bool fuse_three(Rewriter& rewriter, std::size_t third) {
  if (rewriter.node(third).op->name() != "third") return false;
  const auto second = producer_named(rewriter, third, "second");
  if (!second) return false;
  const auto first = producer_named(rewriter, *second, "first");
  if (!first) return false;
  auto& node = rewriter.node(third);
  node.op = std::make_shared<CustomOp>(CustomOp::Behavior{.name = "triple"});
  node.inputs = rewriter.node(*first).inputs;
  rewriter.remove(*first);
  rewriter.remove(*second);
  return true;
}

constexpr std::array three_rule{FusionRule{"first+second+third", fuse_three}};

// The names of the nodes that fusing leaves.
std::string fused(const Tape& tape, const std::vector<Var>& outputs, std::span<const FusionRule> rules) {
  Program program = tape.program();
  std::vector<std::size_t> ids;
  for (const auto& output : outputs) ids.push_back(output.id());
  fuse(program, ids, rules);
  std::string names;
  for (const auto& node : program.nodes) names += std::string{node.op->name()} + " ";
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fusion_pattern_test)

BOOST_AUTO_TEST_CASE(a_rule_of_three_nodes_finds_one_pattern_after_the_other) {
  Tape tape;
  Var var = tape.stored(Tensor{Shape{2}});
  for (int i = 0; i < 3; ++i) var = op("third", op("second", op("first", var)));
  BOOST_TEST(fused(tape, {var}, three_rule) == "triple triple triple ");
}

// The nodes removed before the first match move the second one up past the place that is looked at next.
BOOST_AUTO_TEST_CASE(a_rule_of_three_nodes_finds_patterns_that_are_interleaved) {
  Tape tape;
  const Var src = tape.stored(Tensor{Shape{2}});
  const Var a = op("second", op("first", src));
  const Var b = op("second", op("first", src));
  const Var left = op("third", a);
  const Var right = op("third", b);
  BOOST_TEST(fused(tape, {left, right}, three_rule) == "triple triple ");
}

// Of batch norm's outputs only the first is what a fused ReLU rectifies.
BOOST_AUTO_TEST_CASE(a_relu_of_batch_norms_statistics_is_not_fused_into_it) {
  Tape tape;
  const auto stored = [&](const Shape& shape, std::uint64_t seed) {
    return tape.stored(random_tensor(shape, DType::f32, seed));
  };
  const auto norm = batch_norm_training(stored({4, 3}, 1), stored({3}, 2), stored({3}, 3));
  BOOST_TEST(fused(tape, {norm.dst, relu(norm.mean)}, fusion_rules()) == "batch_norm relu ");
  BOOST_TEST(fused(tape, {norm.dst, relu(norm.variance)}, fusion_rules()) == "batch_norm relu relu ");
}

BOOST_AUTO_TEST_SUITE_END()
