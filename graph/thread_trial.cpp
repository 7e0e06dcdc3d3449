#include "keel/graph/thread_trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "keel/graph/scratch.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/rng.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {
namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 28U;

// Positive, so that they may stand for variances and below logarithms and roots; no two alike, so that every
// rounding shows. Weights are divided by the number of terms of the sums that they go into, so that
// activations stay near 1 through any number of layers; a bias is small, since a large one beside a small sum
// would round away what is different in it. Integers are zero, which is a label of every classification.
Tensor made_up(const Value& value, Rng random) {
  Tensor tensor{value.type};
  const auto& shape = value.type.shape;
  const bool weights = value.kind == ValueKind::stored && shape.rank() > 1 && shape.elements() > 0;
  const bool bias = value.kind == ValueKind::stored && shape.rank() == 1;
  const double scale = weights
                           ? static_cast<double>(shape.extents()[0]) / static_cast<double>(shape.elements())
                           : (bias ? 0x1p-20 : 1.0);
  const auto draw = [&]<class T>(std::span<T> elements) {
    for (auto& element : elements) element = static_cast<T>(scale * random.uniform(0.5, 1.5));
  };
  if (value.type.dtype == DType::f32) draw(tensor.data<float>());
  if (value.type.dtype == DType::f64) draw(tensor.data<double>());
  return tensor;
}

// A node's inputs, then its outputs.
using Values = std::vector<Tensor>;

void run_node(const Program& program, const Node& node, int threads, const Values& values) {
  std::vector<std::unique_ptr<Slot>> owned;
  std::vector<Slot*> slots;
  for (const auto& value : values) {
    owned.push_back(std::make_unique<Slot>());
    owned.back()->point_to(value.bytes());
    slots.push_back(owned.back().get());
  }
  const auto input_types = program.types(node.inputs);
  const auto output_types = program.types(node.outputs);
  const auto input_formats = program.formats(node.inputs);
  const auto output_formats = program.formats(node.outputs);
  const auto inputs = std::span<Slot* const>{slots}.first(node.inputs.size());
  const auto outputs = std::span<Slot* const>{slots}.subspan(node.inputs.size());
  std::vector<Binding::ScratchPiece> scratch;
  const ThreadLimit limit{threads};
  const auto kernel = node.op->bind(
      Binding{{input_types, input_formats, inputs}, {output_types, output_formats, outputs}, scratch});
  const Buffer scratch_memory = place_scratch(scratch);
  kernel.run();
}

template <class T>
bool all_finite(const Tensor& tensor) {
  return std::ranges::all_of(tensor.data<T>(), [](T element) { return std::isfinite(element); });
}

// Compares what two runs of a node have written.
class Comparison {
 public:
  void add(const Tensor& a, const Tensor& b) {
    const std::span<const std::byte> ours{a.bytes(), a.type().bytes()};
    const std::span<const std::byte> others{b.bytes(), b.type().bytes()};
    same_ = same_ && std::ranges::equal(ours, others);
    if (a.dtype() == DType::f32) same_ = same_ && all_finite<float>(a);
    if (a.dtype() == DType::f64) same_ = same_ && all_finite<double>(a);
    set_bytes_ += std::ranges::count_if(ours, [](std::byte byte) { return byte != std::byte{0}; });
  }

  // A few sums may agree by chance, and zeros whatever their order: 32 numbers that are not zero don't.
  [[nodiscard]] bool same() const { return same_ && set_bytes_ >= 128; }

 private:
  bool same_ = true;
  std::int64_t set_bytes_ = 0;
};

// A program's values outside of any plan, none in the place of another.
class MadeUpRun {
 public:
  explicit MadeUpRun(const Program& program) : program_(program), values_(program.values.size()) {}

  /// Runs a node on one thread.
  void run(const Node& node) { run_node(program_, node, 1, values_of(node)); }

  /// Runs a node on `threads`, and on one; whether the same bits came out. Products once more for other numbers,
  /// of both signs: threads may share a few elements of theirs alone, which agree by chance in one run.
  bool same_bits(const Node& node, int threads) {
    constexpr std::uint64_t draws = 4;
    const auto values = values_of(node);
    if (!same_bits(node, threads, values)) return false;
    const auto cost = node.op->cost(program_.types(node.inputs), program_.types(node.outputs));
    if (cost.flops == 0.0) return true;
    for (std::uint64_t draw = 0; draw < draws; ++draw) {
      if (!same_bits(node, threads, redrawn(node, values, draw))) return false;
    }
    return true;
  }

 private:
  bool same_bits(const Node& node, int threads, const Values& values) {
    const auto written = written_by(node);
    auto others = values;
    for (const auto i : written) others[i] = values[i].clone();
    run_node(program_, node, threads, values);
    run_node(program_, node, 1, others);
    Comparison comparison;
    for (const auto i : written) comparison.add(values[i], others[i]);
    return comparison.same();
  }

  // Other numbers for a node of which all values are numbers.
  Values redrawn(const Node& node, const Values& values, std::uint64_t draw) {
    Values drawn;
    auto random = random_.stream(fmt::format("draw {}", draw), node.outputs.empty() ? 0 : node.outputs[0]);
    for (const auto& value : values) {
      drawn.emplace_back(value.type());
      const auto fill = [&]<class T>(std::span<T> elements) {
        for (auto& element : elements) element = static_cast<T>(random.normal());
      };
      if (value.dtype() == DType::f32) fill(drawn.back().data<float>());
      if (value.dtype() == DType::f64) fill(drawn.back().data<double>());
    }
    return drawn;
  }

  Values values_of(const Node& node) {
    Values values;
    for (const auto id : node.inputs) {
      if (!values_[id].defined()) values_[id] = made_up(program_.values[id], random_.stream("value", id));
      values.push_back(values_[id]);
    }
    for (const auto id : node.outputs) values.push_back(values_[id] = Tensor{program_.values[id].type});
    return values;
  }

  // Which of a node's inputs and outputs it writes to.
  [[nodiscard]] std::vector<std::size_t> written_by(const Node& node) const {
    auto written = node.op->mutates(program_.types(node.inputs));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) written.push_back(node.inputs.size() + i);
    return written;
  }

  const Program& program_;
  Rng random_{1};
  Values values_;  // by number
};

std::size_t bytes_of_values(const Program& program) {
  std::size_t bytes = 0;
  for (const auto& value : program.values) bytes += value.type.bytes();
  return bytes;
}

}  // namespace

bool same_bits_on_one_thread(const Program& program, std::span<const int> threads) {
  if (bytes_of_values(program) > most_bytes) return false;
  if (std::ranges::any_of(program.nodes, [](const Node& node) { return node.op->is_collective(); }))
    return false;
  MadeUpRun run{program};
  try {
    for (std::size_t i = 0; i < program.nodes.size(); ++i) {
      if (threads[i] == 1) {
        run.run(program.nodes[i]);
      } else if (!run.same_bits(program.nodes[i], threads[i])) {
        return false;
      }
    }
  } catch (const Error&) {
    return false;
  }
  return true;
}

}  // namespace keel
