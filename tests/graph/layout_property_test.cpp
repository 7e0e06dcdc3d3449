// Layouts of random programs, checked by going through them step by step.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/graph/accumulate.hpp"
#include "keel/graph/layout.hpp"
#include "keel/runtime/buffer.hpp"

namespace {

using namespace keel;
using namespace keel::testing;

// Stands in for a plan's arena: keeps the owner of each unit of alignment in place of data.
class Arena {
 public:
  Arena(const Program& program, const Layout& layout)
      : program_(program), layout_(layout), owners_(layout.bytes / alignment) {}

  // What is wrong first, if anything: an input that is no longer there when its node runs, one that the
  // node's scratch memory or outputs are put over while it is read, an output of the plan that does not last.
  std::string run(std::span<const std::size_t> outputs, std::size_t scratch_bytes) {
    for (const auto& node : program_.nodes) {
      for (const auto id : node.inputs) {
        if (!holds(id)) return "value " + std::to_string(id) + " was lost before it was read";
      }
      fill(layout_.scratch_offset, scratch_bytes, "scratch");
      for (const auto id : node.outputs) fill(*layout_.offsets[id], bytes_of(id), std::to_string(id));
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (node.op->may_overwrite(i) || holds(node.inputs[i])) continue;
        return "value " + std::to_string(node.inputs[i]) + " was overwritten while it was read";
      }
    }
    for (const auto id : outputs) {
      if (!holds(id)) return "output " + std::to_string(id) + " was lost";
    }
    return "every value lasts";
  }

 private:
  [[nodiscard]] std::size_t bytes_of(std::size_t id) const { return program_.values[id].type.bytes(); }

  void fill(std::size_t offset, std::size_t bytes, const std::string& owner) {
    for (std::size_t unit = offset / alignment; unit < (offset + aligned(bytes)) / alignment; ++unit) {
      owners_.at(unit) = owner;
    }
  }

  [[nodiscard]] bool holds(std::size_t id) const {
    if (!layout_.offsets[id]) return true;  // it lies outside the arena
    const auto units =
        std::span{owners_}.subspan(*layout_.offsets[id] / alignment, aligned(bytes_of(id)) / alignment);
    return std::ranges::all_of(units, [&](const auto& owner) { return owner == std::to_string(id); });
  }

  const Program& program_;
  const Layout& layout_;
  std::vector<std::string> owners_;
};

// Operators of one to three inputs, the same one twice at times, that may overwrite some of them, want some
// side by side, and are made right there at times.
std::vector<Var> record_at_random(Tape& tape, Rng rng) {
  std::vector<Var> vars;
  for (const std::int64_t size : {16, 24, 33}) vars.push_back(tape.stored(Tensor{Shape{size}}));
  const auto rarely = std::uint64_t{2} << rng.below(3);
  for (int i = 0; i < 30; ++i) {
    std::vector<Var> inputs;
    CustomOp::Behavior behavior;
    for (std::size_t k = 0; k < 1 + rng.below(3); ++k) {
      inputs.push_back(vars[rng.below(vars.size())]);
      if (rng.below(2) == 0) behavior.may_overwrite.push_back(k);
      if (rng.below(rarely) == 0) behavior.adjacent.push_back(k);
    }
    behavior.begins_early = rng.below(3) == 0;
    behavior.infer = [count = 1 + rng.below(2)](std::span<const ValueType> types) {
      return std::vector(count, types[0]);
    };
    const auto op = std::make_shared<CustomOp>(std::move(behavior));
    const auto outputs = tape.record(op, inputs, SourceLocation::current());
    vars.insert(vars.end(), outputs.begin(), outputs.end());
  }
  return vars;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(layout_property_test)

BOOST_AUTO_TEST_CASE(every_value_of_a_random_program_lasts_until_it_is_read) {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Tape tape;
    Rng rng{seed};
    const auto vars = record_at_random(tape, rng.stream("program"));
    const std::vector<std::size_t> outputs{vars[rng.below(vars.size())].id(), vars.back().id()};
    const std::size_t scratch_bytes = 100 * rng.below(3);
    for (const bool reuse : {true, false}) {
      const auto layout = lay_out(tape.program(), outputs, scratch_bytes, reuse);
      BOOST_TEST_CONTEXT("seed " << seed << ", reuse " << reuse)
      BOOST_TEST_REQUIRE(Arena(tape.program(), layout).run(outputs, scratch_bytes) == "every value lasts");
    }
  }
}

// accumulate writes the sum of its first two terms over the first, and only then reads the third.
BOOST_AUTO_TEST_CASE(an_input_that_is_also_given_where_it_may_not_be_overwritten_is_kept) {
  Tape tape;
  const Var a = custom({}, {tape.stored(Tensor{Shape{16}})});
  const Var b = custom({}, {tape.stored(Tensor{Shape{16}})});
  const std::vector outputs{accumulate(std::vector{a, b, a}).id()};
  const auto layout = lay_out(tape.program(), outputs, 0, true);
  BOOST_TEST(Arena(tape.program(), layout).run(outputs, 0) == "every value lasts");
}

BOOST_AUTO_TEST_SUITE_END()
