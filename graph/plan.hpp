#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "keel/graph/crowding.hpp"
#include "keel/graph/fusion.hpp"
#include "keel/graph/tape.hpp"
#include "keel/runtime/kernel.hpp"
#include "keel/runtime/slot.hpp"

namespace keel {

/// How a tape is compiled.
struct PlanOptions {
  std::span<const FusionRule> rules;  ///< none: every node gets a kernel of its own
  bool reuse_memory = true;           ///< false: every intermediate value keeps its memory (for tests)
};

/// A tape compiled to a flat list of bound kernels over one arena, to be run many times.
///
/// Dead nodes are dropped, fusion rules applied, every intermediate value given an offset in the arena by its
/// first and last use, every node bound to a kernel. The plan does not need the tape any more once it is
/// made. A plan must be run under the thread limit that it was compiled under, which is the calling thread's (see
/// ThreadLimit), by one thread at a time. One that was moved from throws Error whatever is asked of it.
///
/// While other programs want the processors, a plan that was compiled for several threads runs on one, provided
/// that all its kernels then leave the same bits, which is tried out: what it computes never depends on when it
/// runs.
class Plan {
 public:
  /// Compiles what `outputs` need, and every node that changes stored values.
  /// Throws Error, naming the operator and its line, when a kernel can't be had.
  Plan(const Tape& tape, std::span<const Var> outputs, const PlanOptions& options = {});
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  Plan(Plan&&) = default;
  Plan& operator=(Plan&& other) noexcept;
  ~Plan() = default;

  /// Uses the elements of `tensor` as `input` from the next run on, without copying them, unless they are a
  /// result of this plan; they must stay alive until then. Throws ShapeError when the type differs, NoValuesError when `tensor` is undefined, Error when the Var is not an input of the
  /// plan's tape.
  void bind(const Var& input, const Tensor& tensor);
  /// The same by the value's number, for a plan that has outlived its tape.
  void bind(std::size_t input, const Tensor& tensor);

  /// Runs every kernel once, in order. Throws Error when an input is not bound, when the thread limit is another
  /// than when the plan was compiled, when the system does not let the process have the plan's threads, and
  /// what a kernel throws with the operator and its line in front.
  void run();

  /// Fills the memory of all intermediate values, outputs and scratch with bytes 0xFF, which read as NaN. The
  /// next run must not show it: a kernel that adds to what it finds, or reads what none wrote, is seen.
  void poison();

  /// Output `index` (in the order given to the constructor), in memory that the next run overwrites and that
  /// outlasts the plan. That of an input is what was bound to it; undefined before that. That of a stored value
  /// is the stored memory itself, with what the updates of the run left in it: for what it held before them,
  /// let a `reshape` of it, recorded before them, be the output.
  [[nodiscard]] Tensor output(std::size_t index) const;

  /// One line of the list that `run` goes through.
  struct Step {
    Node node;
    std::string implementation;
    Cost cost;
    int threads = 1;  ///< that the kernel may use: small ones are faster on one
  };
  [[nodiscard]] std::span<const Step> steps() const { return usable().steps_; }
  /// Runs `runs` times with a clock around every kernel, and returns each one's median in microseconds. The
  /// clock itself takes some 20 ns of each.
  std::vector<double> profile(int runs);
  [[nodiscard]] std::size_t arena_bytes() const { return usable().arena_->size(); }

  /// What the tape's program became: fused, with reorders, without dead nodes. Values keep their numbers.
  [[nodiscard]] const Program& program() const { return usable().program_; }
  /// The values that `output` gives, by number.
  [[nodiscard]] std::span<const std::size_t> output_values() const { return usable().output_values_; }
  /// Where a value lies in the arena, in bytes from its start; none for values that lie elsewhere or nowhere.
  [[nodiscard]] std::optional<std::size_t> arena_offset(std::size_t value) const;

 private:
  [[nodiscard]] const Plan& usable() const;
  void share_views(const std::vector<std::size_t>& outputs);
  [[nodiscard]] bool needs_no_kernel(const Node& node) const;
  void bind_kernels(std::vector<Binding::ScratchPiece>& scratch);
  void place(const std::vector<std::size_t>& outputs, std::vector<Binding::ScratchPiece>& scratch,
             bool reuse_memory);
  struct BoundKernel {
    std::function<void()> run;
    int threads = 1;
  };
  [[nodiscard]] Kernel bind_kernel(const Node& node, int threads,
                                   std::vector<Binding::ScratchPiece>& scratch) const;
  void bind_yielding_kernels();
  void run_kernels(bool yields);
  [[noreturn]] void fail_at(std::size_t step) const;

  Program program_;
  std::weak_ptr<const void> tape_;            // only to be compared with
  std::vector<std::unique_ptr<Slot>> slots_;  // by value
  std::vector<std::size_t> shared_;           // by value, whose memory it lies in; empty: its own
  std::vector<std::unique_ptr<Slot>> scratch_slots_;
  std::vector<BoundKernel> kernels_;
  std::vector<BoundKernel> yielding_kernels_;  // by kernel on several threads, the same on one; else empty
  std::vector<std::unique_ptr<Slot>> yielding_scratch_slots_;
  Buffer yielding_scratch_;
  Crowding crowding_{{}};
  int most_threads_ = 1;    // of a kernel
  bool may_yield_ = false;  // there are kernels on several threads, and none is known to differ on one
  int thread_limit_;        // that the kernels were compiled under
  std::vector<Step> steps_;
  std::shared_ptr<Buffer> arena_;
  std::vector<Tensor> outputs_;
  std::vector<std::size_t> output_values_;
  std::vector<Tensor> bound_;         // by value, of inputs: keeps their elements alive
  std::vector<std::size_t> unbound_;  // inputs that a kernel reads and that nothing was bound to yet
};

}  // namespace keel
