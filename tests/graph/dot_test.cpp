#include "keel/graph/dot.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <set>
#include <sstream>

#include "../support/graph_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/models/sgd.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/relu.hpp"

namespace keel::testing {
namespace {

// The statements of a picture without its head and its legend.
std::string body_of(const std::string& dot) {
  const auto start = dot.find("  subgraph cluster_forward");
  const auto end = dot.find("  subgraph cluster_legend");
  BOOST_REQUIRE(start != std::string::npos);
  BOOST_REQUIRE(end != std::string::npos);
  return dot.substr(start, end - start);
}

// The statements of one of its clusters; empty if it has none of that name.
std::string cluster_of(const std::string& dot, const std::string& name) {
  const auto start = dot.find("subgraph cluster_" + name);
  if (start == std::string::npos) return "";
  return dot.substr(start, dot.find("\n  }\n", start) - start);
}

SourceLocation line(int number) {
  return SourceLocation::current("/home/someone/net.cpp", number);
}

// relu(x * w) in f64, and a count that is overwritten.
struct SmallProgram {
  Tape tape;
  Var x = tape.input(Shape{2, 3}, DType::f64, "x");
  Var w = tape.stored(Tensor{Shape{3}, DType::f64}, "fc.w");
  Var product = multiply(x, w, line(7));
  Var y = relu(product, line(8));

  SmallProgram() {
    record_effect(
        tape.stored(Tensor{Shape{1}, DType::f64}, "steps"), "count", [](double*) {}, line(9));
  }
};

void check_contains(const std::string& text, const std::string& part) {
  BOOST_TEST(text.find(part) != std::string::npos, part << " is not in " << text);
}

BOOST_AUTO_TEST_SUITE(dot)

BOOST_AUTO_TEST_CASE(a_recorded_program) {
  const SmallProgram program;
  const std::array outputs{program.y.id()};
  const auto dot = to_dot(program.tape.program(), outputs, {.title = "small", .loss = {}});
  BOOST_TEST(dot.starts_with("digraph keel {\n  graph [label=\"small\", labelloc=t, "));
  BOOST_TEST(dot.ends_with("}\n"));
  const std::string expected = R"dot(  subgraph cluster_forward {
    graph [label="", labeljust=l, fontsize=14, color="#b0b0b0"];
    value0 [shape=ellipse, style=filled, fillcolor="#faf5b4", label="x\nf64 (2, 3)"];
    node0 [shape=box, style="filled,rounded", fillcolor="#cfe8f8", label="multiply\nnet.cpp:7"];
    read0 [shape=note, style=filled, fillcolor="#fbe3b3", label="fc.w  f64 (3)"];
    { rank=same; read0 -> node0 []; }
    value2 [shape=plaintext, height=0.2, width=0, margin="0.04,0.02", label="f64 (2, 3)"];
    node1 [shape=box, style="filled,rounded", fillcolor="#cfe8f8", label="relu\nnet.cpp:8"];
    value3 [shape=box, style=filled, fillcolor="#b9e4d6", peripheries=2, label="output 0\nf64 (2, 3)"];
    node2 [shape=box, style="filled,rounded", fillcolor="#cfe8f8", label="count\nnet.cpp:9"];
    overwritten2 [shape=note, style=filled, fillcolor="#fbe3b3", label="steps  f64 (1)"];
    { rank=same; overwritten2 -> node2 [dir=both, penwidth=2, arrowsize=0.7, color="#d55e00"]; }
  }
  value0 -> node0;
  node0 -> value2;
  value2 -> node1;
  node1 -> value3;
)dot";
  BOOST_TEST(body_of(dot) == expected);
}

BOOST_AUTO_TEST_CASE(a_compiled_program_shows_kernels_and_memory) {
  const SmallProgram program;
  const Plan plan{program.tape, std::span{&program.y, 1}};
  const auto dot = to_dot(plan, {.title = "small", .loss = {}});
  check_contains(dot, R"(label="small\n3 kernels, arena of 64 bytes")");
  check_contains(cluster_of(dot, "forward"), R"(label="multiply\nreference")");
  check_contains(dot, R"dot(value2 [shape=box, color="#707070", label="f64 (2, 3)\n@0, 48 B"];)dot");
  // The ReLU takes over the memory of what it reads.
  check_contains(dot, R"dot(label="output 0\nf64 (2, 3)\n@0, 48 B, in place"];)dot");
}

BOOST_AUTO_TEST_CASE(a_value_in_place_looks_unlike_others) {
  SmallProgram program;
  const Var z = multiply(program.y, program.y, line(10));
  const auto dot = to_dot(Plan{program.tape, std::span{&z, 1}});
  check_contains(dot, R"dot(fillcolor="#f0d8e5", label="f64 (2, 3)\n@0, 48 B, in place"];)dot");
  const auto apart = to_dot(Plan{program.tape, std::span{&z, 1}, {.rules = {}, .reuse_memory = false}});
  BOOST_TEST(body_of(apart).find("in place") == std::string::npos, apart);
}

// A view of its input.
class FlattenOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "flatten"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {{Shape{inputs[0].shape.elements()}, inputs[0].dtype}};
  }
  [[nodiscard]] Kernel bind(const Binding&) const override {
    return {[] {}, "copy"};
  }
  [[nodiscard]] bool is_view() const override { return true; }
};

BOOST_AUTO_TEST_CASE(views_have_no_kernel_where_they_share_memory) {
  SmallProgram program;
  const auto flat = keel::record(std::make_shared<FlattenOp>(), {program.y}, line(10));
  const Var z = multiply(flat, flat, line(11));
  const auto dot = to_dot(Plan{program.tape, std::span{&z, 1}});
  check_contains(dot, R"(style="rounded,dashed", label="flatten\nno kernel"];)");
  check_contains(dot, "label=\"multiply\\nreference\"");
  const auto copied = to_dot(Plan{program.tape, std::span{&z, 1}, {.rules = {}, .reuse_memory = false}});
  check_contains(dot, R"dot(label="f64 (6)\n@0, 48 B"];)dot");  // where its source lies
  check_contains(copied, "label=\"flatten\\ncopy\"");
}

BOOST_AUTO_TEST_CASE(a_training_step_has_three_parts) {
  SmallProgram program;
  const Var loss = sum_to(program.y, Shape{}, line(10));
  const auto grads = gradients(loss, std::span{&program.w, 1});
  Sgd sgd{{.momentum = 0.9}};
  // Overwrites what no forward node reads: part of the backward pass.
  record_effect(program.tape.stored(Tensor{Shape{1}, DType::f64}, "norm"), "measure", [](double*) {});
  sgd.update(std::span{&program.w, 1}, grads);
  const std::array outputs{loss.id()};
  const auto dot = to_dot(program.tape.program(), outputs, {.title = "", .loss = loss.id()});
  const auto has = [&](const std::string& cluster, const std::string& name) {
    return cluster_of(dot, cluster).find("label=\"" + name + "\\n") != std::string::npos;
  };
  for (const auto* name : {"multiply", "relu", "count", "sum_to"}) BOOST_TEST(has("forward", name), name);
  for (const auto* name : {"relu_backward", "measure"}) BOOST_TEST(has("backward", name), name);
  BOOST_TEST(has("update", "sgd_update"));
  for (const auto* cluster : {"forward", "backward"}) BOOST_TEST(!has(cluster, "sgd_update"));
  BOOST_TEST(!has("forward", "relu_backward"));
  // Without a loss all is one.
  const auto whole = to_dot(program.tape.program(), outputs);
  BOOST_TEST(cluster_of(whole, "backward").empty());
  BOOST_TEST(cluster_of(whole, "update").empty());
}

BOOST_AUTO_TEST_CASE(names_may_hold_anything) {
  Tape tape;
  const Var x = tape.input(Shape{2}, DType::f64, "a\"b\\c\n&lt;\t{|}");
  const Var unnamed = tape.input(Shape{2}, DType::f64);
  const Var y = custom({.name = "x\" -> \"y"}, {multiply(x, unnamed)});
  const std::array outputs{y.id()};
  const auto dot = to_dot(tape.program(), outputs);
  check_contains(dot, R"dot(label="a\"b\\c\n&amp;lt; {|}\nf64 (2)"];)dot");
  check_contains(dot, R"dot(label="value 1\nf64 (2)"];)dot");
  check_contains(dot, R"dot(label="x\" -> \"y\n)dot");
}

BOOST_AUTO_TEST_CASE(an_empty_program) {
  const Tape tape;
  BOOST_TEST(to_dot(tape.program(), {}).find("cluster_forward") == std::string::npos);
  check_contains(to_dot(Plan{tape, {}}), "0 kernels");
}

BOOST_AUTO_TEST_CASE(a_thousand_nodes) {
  Tape tape;
  Var x = tape.input(Shape{2}, DType::f64, "x");
  for (int i = 0; i < 1000; ++i) x = relu(x);
  const std::array outputs{x.id()};
  const auto recorded = to_dot(tape.program(), outputs);
  check_contains(recorded, "node999 ");
  check_contains(recorded, "nslimit=1");
  const auto compiled = to_dot(Plan{tape, std::span{&x, 1}});
  check_contains(compiled, "1000 kernels");
}

BOOST_AUTO_TEST_CASE(offsets_are_told_of_what_lies_in_the_arena_alone) {
  SmallProgram program;
  const auto flat = keel::record(std::make_shared<FlattenOp>(), {program.x}, line(10));
  const std::array outputs{multiply(flat, flat), program.y, program.w};
  Plan plan{program.tape, outputs};
  BOOST_TEST(!plan.arena_offset(program.x.id()));
  BOOST_TEST(!plan.arena_offset(program.w.id()));
  BOOST_TEST(!plan.arena_offset(flat.id()));  // of an input
  const Tensor x{Shape{2, 3}, DType::f64};
  plan.bind(program.x, x);
  BOOST_TEST(!plan.arena_offset(flat.id()));
  BOOST_TEST(plan.output_values().size() == 3U);
  for (const std::size_t i : {0U, 1U}) {
    const auto offset = plan.arena_offset(plan.output_values()[i]);
    BOOST_REQUIRE(offset.has_value());
    BOOST_TEST(*offset + plan.output(i).type().bytes() <= plan.arena_bytes());
  }
  BOOST_TEST((plan.output(1).bytes() - plan.output(0).bytes()) ==
             static_cast<std::ptrdiff_t>(*plan.arena_offset(outputs[1].id())) -
                 static_cast<std::ptrdiff_t>(*plan.arena_offset(outputs[0].id())));
  BOOST_CHECK_THROW((void)plan.arena_offset(1000), std::out_of_range);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::testing
