#include "guarded_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "keel/runtime/buffer.hpp"
#include "keel/runtime/threads.hpp"

namespace keel::test {
namespace {

using Bytes = std::vector<std::byte>;

// Pieces of memory in one block, each with a guard on both sides that is several times as large as itself.
class GuardedMemory {
 public:
  void add(std::string name, std::size_t bytes) {
    const auto guard = aligned(std::max<std::size_t>(std::size_t{1} << 16, 16 * bytes));
    end_ = aligned(std::max(end_, behind_ + guard));
    pieces_.push_back({std::move(name), end_, bytes});
    behind_ = end_ + bytes;
    end_ = behind_ + guard;
  }

  void fill(std::byte value) {
    // Kept for the kernels to come: most of the test's time would go into asking the system for memory.
    static Buffer memory;
    if (memory.size() < end_) memory = Buffer{2 * end_};
    start_ = memory.data();
    value_ = value;
    std::fill_n(start_, end_, value);
  }

  [[nodiscard]] std::span<std::byte> piece(std::size_t index) const {
    return {start_ + pieces_[index].offset, pieces_[index].bytes};
  }

  // The name of the first piece beside which something was written.
  [[nodiscard]] std::string damage() const {
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= pieces_.size(); ++i) {
      const auto end = i < pieces_.size() ? pieces_[i].offset : end_;
      if (!is_intact({start_ + begin, end - begin}))
        return i == 0 ? "before " + pieces_[0].name : "behind " + pieces_[i - 1].name;
      if (i < pieces_.size()) begin = pieces_[i].offset + pieces_[i].bytes;
    }
    return {};
  }

 private:
  struct Piece {
    std::string name;
    std::size_t offset;
    std::size_t bytes;
  };

  [[nodiscard]] bool is_intact(std::span<const std::byte> guard) const {
    return guard.empty() ||
           (guard[0] == value_ && std::memcmp(guard.data(), guard.data() + 1, guard.size() - 1) == 0);
  }

  std::vector<Piece> pieces_;
  std::size_t behind_ = 0;  // the last piece
  std::size_t end_ = 0;     // of its guard
  std::byte* start_ = nullptr;
  std::byte value_{};
};

// One kernel on its own, bound to slots that it shares with nobody.
class GuardedKernel {
 public:
  GuardedKernel(const Program& program, const Node& node, const std::vector<Bytes>& contents)
      : program_(program), node_(node), contents_(contents) {
    const auto input_types = program.types(node.inputs);
    const auto output_types = program.types(node.outputs);
    const auto input_formats = program.formats(node.inputs);
    const auto output_formats = program.formats(node.outputs);
    const auto inputs = slots(node.inputs.size());
    const auto outputs = slots(node.outputs.size());
    kernel_ = node.op->bind(
        Binding{{input_types, input_formats, inputs}, {output_types, output_formats, outputs}, scratch_});
    // An operator may be given one value twice, which then is one piece of memory.
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      memory_.add(fmt::format("input {}", i), contents[node.inputs[i]].size());
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      memory_.add(fmt::format("output {}", i), output_types[i].bytes());
    for (const auto& piece : scratch_) memory_.add("scratch memory", piece.bytes);
  }

  // What the outputs and mutated inputs are once it has run, on memory that is full of `poison`.
  std::vector<Bytes> run(std::byte poison, std::vector<std::string>& faults) {
    prepare(poison);
    kernel_.run();
    if (const auto where = memory_.damage(); !where.empty()) faults.push_back(describe("writes " + where));
    const auto mutated = node_.op->mutates(program_.types(node_.inputs));
    std::vector<Bytes> results;
    for (std::size_t i = 0; i < node_.inputs.size(); ++i) {
      const auto place = place_of_input(i);
      const auto now = memory_.piece(place);
      if (std::ranges::count(mutated, i) > 0) {
        results.emplace_back(now.begin(), now.end());
      } else if (place == i && !std::ranges::equal(now, contents_[node_.inputs[i]])) {
        faults.push_back(describe(fmt::format("writes into input {}", i)));
      }
    }
    for (std::size_t i = 0; i < node_.outputs.size(); ++i) {
      const auto now = memory_.piece(node_.inputs.size() + i);
      results.emplace_back(now.begin(), now.end());
    }
    return results;
  }

  // Lets output 0 take the memory of input `i`, and checks that it is `expected`.
  void run_in_place(std::size_t i, const Bytes& expected, std::vector<std::string>& faults) {
    prepare(std::byte{0xFF});
    slots_[node_.inputs.size()]->point_to(memory_.piece(place_of_input(i)).data());
    kernel_.run();
    if (const auto where = memory_.damage(); !where.empty())
      faults.push_back(describe("in place writes " + where));
    if (!std::ranges::equal(memory_.piece(place_of_input(i)), expected))
      faults.push_back(describe(fmt::format("gives something else in the memory of input {}", i)));
  }

  [[nodiscard]] std::string describe(const std::string& fault) const {
    std::string types;
    for (const auto& type : program_.types(node_.inputs))
      types += (types.empty() ? "" : ", ") + to_string(type.shape);
    std::string results;
    for (const auto& type : program_.types(node_.outputs))
      results += (results.empty() ? "" : ", ") + to_string(type.shape);
    return fmt::format("{} by {} of {} to {} {}", node_.op->name(), kernel_.implementation, types, results,
                       fault);
  }

 private:
  std::vector<Slot*> slots(std::size_t count) {
    std::vector<Slot*> added;
    for (std::size_t i = 0; i < count; ++i)
      added.push_back(slots_.emplace_back(std::make_unique<Slot>()).get());
    return added;
  }

  [[nodiscard]] std::size_t place_of_input(std::size_t i) const {
    return static_cast<std::size_t>(std::ranges::find(node_.inputs, node_.inputs[i]) - node_.inputs.begin());
  }

  void prepare(std::byte poison) {
    memory_.fill(poison);
    for (std::size_t i = 0; i < node_.inputs.size(); ++i)
      std::ranges::copy(contents_[node_.inputs[i]], memory_.piece(i).begin());
    for (std::size_t i = 0; i < slots_.size(); ++i)
      slots_[i]->point_to(memory_.piece(i < node_.inputs.size() ? place_of_input(i) : i).data());
    for (std::size_t i = 0; i < scratch_.size(); ++i)
      scratch_[i].slot->point_to(memory_.piece(slots_.size() + i).data());
  }

  const Program& program_;
  const Node& node_;
  const std::vector<Bytes>& contents_;
  std::vector<std::unique_ptr<Slot>> slots_;  // of the inputs, then of the outputs
  std::vector<Binding::ScratchPiece> scratch_;
  Kernel kernel_;
  GuardedMemory memory_;
};

// Of a fused ReLU's mask, which is as large as in the format that needs more, only what is read is written.
bool is_partly_written(const ValueType& type, const Operator& op) {
  return type.dtype == DType::u8 && op.name() == "batch_norm+relu";
}

void check(const Program& program, const Node& node, std::vector<Bytes>& contents,
           std::vector<std::string>& faults) {
  GuardedKernel kernel{program, node, contents};
  const auto results = kernel.run(std::byte{0xFF}, faults);
  const auto again = kernel.run(std::byte{0xA5}, faults);
  const auto mutated = node.op->mutates(program.types(node.inputs));
  for (std::size_t i = 0; i < results.size(); ++i) {
    const bool is_output = i >= mutated.size();
    const auto value = is_output ? node.outputs[i - mutated.size()] : 0;
    if (is_output && is_partly_written(program.values[value].type, *node.op)) continue;
    if (results[i] != again[i])
      faults.push_back(kernel.describe(fmt::format("leaves in its result {} what memory held before", i)));
  }
  for (std::size_t i = 0; i < node.inputs.size() && !node.outputs.empty(); ++i) {
    const auto& from = program.values[node.inputs[i]];
    const auto& to = program.values[node.outputs[0]];
    const bool alike = from.type == to.type && from.format == to.format;
    if (!alike || !node.op->may_overwrite(i) || std::ranges::count(node.inputs, node.inputs[i]) > 1) continue;
    kernel.run_in_place(i, results[mutated.size()], faults);
  }
  std::size_t result = 0;
  for (std::size_t i = 0; i < node.inputs.size(); ++i)
    if (std::ranges::count(mutated, i) > 0) contents[node.inputs[i]] = results[result++];
  for (const auto output : node.outputs) contents[output] = results[result++];
}

}  // namespace

std::vector<std::string> faults_of_kernels(const Program& program, int threads) {
  const ThreadLimit limit{threads};
  std::vector<Bytes> contents(program.values.size());
  for (std::size_t id = 0; id < program.values.size(); ++id) {
    const auto& value = program.values[id];
    if (value.kind != ValueKind::stored) continue;
    contents[id].assign(value.storage.bytes(), value.storage.bytes() + value.type.bytes());
  }
  std::vector<std::string> faults;
  for (const auto& node : program.nodes) check(program, node, contents, faults);
  return faults;
}

}  // namespace keel::test
