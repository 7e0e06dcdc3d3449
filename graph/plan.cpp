#include "keel/graph/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <utility>

#include "keel/graph/estimate.hpp"
#include "keel/graph/layout.hpp"
#include "keel/graph/memory_format.hpp"
#include "keel/graph/merge_equal.hpp"
#include "keel/graph/scratch.hpp"
#include "keel/graph/thread_trial.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {

Plan::Plan(const Tape& tape, std::span<const Var> outputs, const PlanOptions& options)
    : program_(tape.program()), tape_(tape.life()), thread_limit_(ThreadLimit::current()) {
  std::vector<std::size_t> ids;
  for (const auto& output : outputs) {
    if (&output.tape() != &tape) throw Error{"a plan's outputs must be on the tape that it compiles"};
    ids.push_back(output.id());
  }
  merge_equal_nodes(program_, ids);
  drop_dead_nodes(program_, ids);
  fuse(program_, ids, options.rules);
  drop_dead_nodes(program_, ids);
  move_early(program_);
  assign_memory_formats(program_, ids);
  for (std::size_t i = 0; i < program_.values.size(); ++i) slots_.push_back(std::make_unique<Slot>());
  if (options.reuse_memory) share_views(ids);
  std::vector<Binding::ScratchPiece> scratch;
  bind_kernels(scratch);
  place(ids, scratch, options.reuse_memory);
}

// Member by member, a plan that is given itself would lose what it holds.
Plan& Plan::operator=(Plan&& other) noexcept {
  if (this == &other) return *this;
  std::destroy_at(this);
  std::construct_at(this, std::move(other));
  return *this;
}

const Plan& Plan::usable() const {
  if (arena_) return *this;
  throw Error{"a plan was used that was moved from: use the one that it was moved into"};
}

Tensor Plan::output(std::size_t index) const {
  const auto& outputs = usable().outputs_;
  if (index < outputs.size()) return outputs[index];
  throw Error{fmt::format("output {} of a plan was asked for, but it has {}", index, outputs.size())};
}

// Wherever the memory of a view's source is pointed to, the view's goes along.
void Plan::share_views(const std::vector<std::size_t>& outputs) {
  shared_ = shared_memory(program_, outputs);
  for (std::size_t id = 0; id < shared_.size(); ++id) {
    if (shared_[id] == id) continue;
    slots_[shared_[id]]->follow([view = slots_[id].get()](void* data) { view->point_to(data); });
  }
}

// Nor is there anything to do where nothing is written that has elements.
bool Plan::needs_no_kernel(const Node& node) const {
  const auto is_empty = [&](std::size_t id) { return program_.values[id].type.shape.elements() == 0; };
  const auto is_done = [&] { return !shared_.empty() && shared_[node.outputs[0]] != node.outputs[0]; };
  if (node.op->is_view() && !node.op->is_collective() && is_done()) return true;
  return std::ranges::all_of(node.outputs, is_empty) &&
         std::ranges::all_of(program_.mutated_by(node), is_empty);
}

Kernel Plan::bind_kernel(const Node& node, int threads, std::vector<Binding::ScratchPiece>& scratch) const {
  const auto slots_of = [&](const std::vector<std::size_t>& ids) {
    std::vector<Slot*> slots;
    for (const auto id : ids) slots.push_back(slots_[id].get());
    return slots;
  };
  const auto input_types = program_.types(node.inputs);
  const auto output_types = program_.types(node.outputs);
  const auto input_formats = program_.formats(node.inputs);
  const auto output_formats = program_.formats(node.outputs);
  const auto inputs = slots_of(node.inputs);
  const auto outputs = slots_of(node.outputs);
  const ThreadLimit limit{threads};
  try {
    return node.op->bind(
        Binding{{input_types, input_formats, inputs}, {output_types, output_formats, outputs}, scratch});
  } catch (const std::bad_alloc&) {
    throw Error{fmt::format("out of memory: the system gives no more for {} at {}", node.op->name(),
                            describe(node.where))};
  } catch (const std::exception& error) {
    throw Error{
        fmt::format("no kernel for {} at {}: {}", node.op->name(), describe(node.where), error.what())};
  }
}

void Plan::bind_kernels(std::vector<Binding::ScratchPiece>& scratch) {
  Crowding::Duration estimate{};
  for (const auto& node : program_.nodes) {
    if (needs_no_kernel(node)) continue;
    const auto cost = node.op->cost(program_.types(node.inputs), program_.types(node.outputs));
    const int threads = is_worth_threads(cost) ? startable_threads(ThreadLimit::current()) : 1;
    auto kernel = bind_kernel(node, threads, scratch);
    kernels_.push_back({std::move(kernel.run), threads});
    steps_.push_back({node, std::move(kernel.implementation), cost, threads});
    most_threads_ = std::max(most_threads_, threads);
    estimate += estimated_time(cost);
  }
  crowding_ = Crowding{estimate};
  may_yield_ = most_threads_ > 1;
}

// Most plans never need these, so that they are made when first wanted. One kernel left on several threads
// would wait for a processor as long as all of them.
void Plan::bind_yielding_kernels() {
  std::vector<int> threads;  // by node
  auto step = steps_.begin();
  for (const auto& node : program_.nodes) threads.push_back(needs_no_kernel(node) ? 1 : (step++)->threads);
  may_yield_ = same_bits_on_one_thread(program_, threads);
  if (!may_yield_) return;
  std::vector<Binding::ScratchPiece> scratch;
  for (const auto& [node, implementation, cost, several] : steps_) {
    yielding_kernels_.emplace_back();
    if (several > 1) yielding_kernels_.back() = {bind_kernel(node, 1, scratch).run, 1};
  }
  yielding_scratch_ = place_scratch(scratch);
  for (auto& piece : scratch) yielding_scratch_slots_.push_back(std::move(piece.slot));
}

void Plan::place(const std::vector<std::size_t>& outputs, std::vector<Binding::ScratchPiece>& scratch,
                 bool reuse_memory) {
  std::size_t scratch_bytes = 0;
  for (const auto& piece : scratch) scratch_bytes = std::max(scratch_bytes, piece.offset + piece.bytes);
  const auto layout = lay_out(program_, outputs, scratch_bytes, reuse_memory);
  arena_ = std::make_shared<Buffer>(layout.bytes, PageOffset::half);
  for (std::size_t id = 0; id < program_.values.size(); ++id) {
    const auto& value = program_.values[id];
    if (value.kind == ValueKind::stored) slots_[id]->point_to(value.storage.bytes());
    if (layout.offsets[id]) slots_[id]->point_to(arena_->data() + *layout.offsets[id]);
  }
  for (auto& piece : scratch) {
    piece.slot->point_to(arena_->data() + layout.scratch_offset + piece.offset);
    scratch_slots_.push_back(std::move(piece.slot));
  }
  for (const auto id : outputs) {
    const auto& value = program_.values[id];
    outputs_.push_back(value.kind == ValueKind::intermediate
                           ? Tensor{arena_, layout.offsets[id].value(), value.type}
                           : value.storage);  // undefined for inputs, until one is bound
  }
  output_values_ = outputs;
  bound_.resize(program_.values.size());
  const auto expect = [&](std::size_t id) {
    if (program_.values[id].kind != ValueKind::input || std::ranges::count(unbound_, id) > 0) return;
    unbound_.push_back(id);
  };
  for (const auto& node : program_.nodes) std::ranges::for_each(node.inputs, expect);
  std::ranges::for_each(outputs, expect);
}

std::optional<std::size_t> Plan::arena_offset(std::size_t value) const {
  (void)usable();
  if (program_.values.at(value).kind != ValueKind::intermediate) return std::nullopt;
  const auto* place = static_cast<const std::byte*>(slots_[value]->data());
  const std::less_equal<> not_behind;
  if (place == nullptr || !not_behind(arena_->data(), place) ||
      not_behind(arena_->data() + arena_->size(), place))
    return std::nullopt;  // unused, or a view of what lies outside
  return static_cast<std::size_t>(place - arena_->data());
}

void Plan::bind(const Var& input, const Tensor& tensor) {
  (void)usable();
  const auto life = input.tape().life();
  if (life.owner_before(tape_) || tape_.owner_before(life)) {
    throw Error{fmt::format("value {} is on another tape than the plan's", input.id())};
  }
  bind(input.id(), tensor);
}

void Plan::bind(std::size_t input, const Tensor& tensor) {
  (void)usable();
  if (input >= program_.values.size() || program_.values[input].kind != ValueKind::input) {
    throw Error{fmt::format("value {} is not an input of the plan", input)};
  }
  const auto& value = program_.values[input];
  if (!tensor.defined()) {
    require_values(tensor, fmt::format("the tensor given as input '{}' of the plan, which is {},", value.name,
                                       to_string(value.type)));
  }
  if (tensor.type() != value.type) {
    throw ShapeError{fmt::format("input '{}' of the plan is {}, but {} was given", value.name,
                                 to_string(value.type), to_string(tensor.type()))};
  }
  std::erase(unbound_, input);
  // A result of this very plan would be overwritten while it is read.
  const std::less<> before;
  const bool is_own =
      !before(tensor.bytes(), arena_->data()) && before(tensor.bytes(), arena_->data() + arena_->size());
  bound_[input] = is_own ? tensor.clone() : tensor;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (output_values_[i] == input) outputs_[i] = bound_[input];
  }
  slots_[input]->point_to(bound_[input].bytes());
}

std::vector<double> Plan::profile(int runs) {
  using Clock = std::chrono::steady_clock;
  run();
  std::vector<std::vector<double>> samples(kernels_.size());
  for (int i = 0; i < runs; ++i) {
    for (std::size_t step = 0; step < kernels_.size(); ++step) {
      const ThreadLimit limit{kernels_[step].threads};
      const auto start = Clock::now();
      kernels_[step].run();
      samples[step].push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    }
  }
  std::vector<double> medians;
  for (auto& sample : samples) {
    const auto middle = sample.begin() + std::ssize(sample) / 2;
    std::ranges::nth_element(sample, middle);
    medians.push_back(*middle);
  }
  return medians;
}

void Plan::run() {
  (void)usable();
  if (!unbound_.empty()) {
    throw Error{
        fmt::format("input '{}' of the plan has nothing bound to it yet", program_.values[unbound_[0]].name)};
  }
  if (const int threads = startable_threads(most_threads_); threads < most_threads_) {
    throw Error{
        fmt::format("the plan runs on {} threads, but the system lets the process have only {}; "
                    "compile it under ThreadLimit {}",
                    most_threads_, threads, threads)};
  }
  if (!may_yield_) return run_kernels(false);
  if (crowding_.yields() && yielding_kernels_.empty()) bind_yielding_kernels();
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  run_kernels(may_yield_ && crowding_.yields());
  crowding_.note(Clock::now() - start);
}

void Plan::run_kernels(bool yields) {
  std::size_t step = 0;
  int threads = ThreadLimit::current();
  if (threads != thread_limit_) {
    throw Error{
        fmt::format("the plan was compiled for up to {}, but is run under a limit of {}: "
                    "compile it under the ThreadLimit that it is to run under",
                    counted(thread_limit_, "thread"), threads)};
  }
  const ThreadLimit restored_at_the_end{threads};
  try {
    for (; step < kernels_.size(); ++step) {
      const bool on_one = yields && yielding_kernels_[step].run;
      const auto& kernel = on_one ? yielding_kernels_[step] : kernels_[step];
      if (kernel.threads != threads) ThreadLimit::set(threads = kernel.threads);
      kernel.run();
    }
  } catch (const Error&) {
    fail_at(step);
  }
}

void Plan::poison() {
  (void)usable();
  std::fill_n(arena_->data(), arena_->size(), std::byte{0xFF});
  std::fill_n(yielding_scratch_.data(), yielding_scratch_.size(), std::byte{0xFF});
}

void Plan::fail_at(std::size_t step) const {
  const auto& node = steps_[step].node;
  const auto text = [&](const Error& error) {
    return fmt::format("{} at {}: {}", node.op->name(), describe(node.where), error.what());
  };
  try {
    throw;
  } catch (const NonFiniteError& error) {
    throw NonFiniteError{text(error)};
  } catch (const RankError&) {
    throw;  // the same words on every rank
  } catch (const Error& error) {
    throw Error{text(error)};
  }
}

}  // namespace keel
