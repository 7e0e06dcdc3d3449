#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "keel/graph/var.hpp"
#include "keel/runtime/kernel.hpp"
#include "keel/runtime/shape.hpp"
#include "keel/runtime/slot.hpp"
#include "keel/runtime/window.hpp"

namespace keel {

/// What an operator gets to bind its kernel: the types and places of its values, and scratch memory on
/// request.
class Binding {
 public:
  /// A kernel's inputs or outputs, one of each a value.
  struct Values {
    std::span<const ValueType> types;
    std::span<const MemoryFormat> formats;
    std::span<Slot* const> slots;
  };
  /// A piece of the memory that is a kernel's own while it runs; a plan shares it between all its kernels.
  struct ScratchPiece {
    std::unique_ptr<Slot> slot;
    std::size_t offset;
    std::size_t bytes;
  };

  Binding(const Values& inputs, const Values& outputs, std::vector<ScratchPiece>& scratch)
      : inputs_(inputs), outputs_(outputs), scratch_(scratch), first_scratch_(scratch.size()) {}

  [[nodiscard]] std::size_t inputs() const { return inputs_.slots.size(); }
  [[nodiscard]] std::size_t outputs() const { return outputs_.slots.size(); }
  [[nodiscard]] const ValueType& input_type(std::size_t i) const { return inputs_.types[i]; }
  [[nodiscard]] const ValueType& output_type(std::size_t i) const { return outputs_.types[i]; }
  [[nodiscard]] MemoryFormat input_format(std::size_t i) const { return inputs_.formats[i]; }
  [[nodiscard]] MemoryFormat output_format(std::size_t i) const { return outputs_.formats[i]; }
  [[nodiscard]] Slot& input_slot(std::size_t i) const { return *inputs_.slots[i]; }
  [[nodiscard]] Slot& output_slot(std::size_t i) const { return *outputs_.slots[i]; }

  /// Input `i` as an array of T; T must be its element type. Not const: operators that mutate an input write
  /// to it.
  template <class T>
  [[nodiscard]] SlotView<T> input(std::size_t i) const {
    require(input_type(i).dtype == dtype_of<std::remove_const_t<T>>());
    return SlotView<T>{input_slot(i)};
  }
  template <class T>
  [[nodiscard]] SlotView<T> output(std::size_t i) const {
    require(output_type(i).dtype == dtype_of<T>());
    return SlotView<T>{output_slot(i)};
  }

  /// `bytes` of memory whose content lasts for one run of the kernel; null for none. A kernel may ask several
  /// times.
  [[nodiscard]] Slot* scratch(std::size_t bytes) const;

 private:
  static void require(bool dtype_matches);

  Values inputs_;
  Values outputs_;
  std::vector<ScratchPiece>& scratch_;
  std::size_t first_scratch_;  // of this kernel
};

/// The memory formats of an operator's inputs and outputs.
struct Formats {
  std::vector<MemoryFormat> inputs;
  std::vector<MemoryFormat> outputs;
};

/// What a derivative rule gets: the values of the node that it differentiates, and the gradients of its
/// outputs.
struct VjpContext {
  std::span<const Var> inputs;
  std::span<const Var> outputs;
  std::span<const Var> output_grads;  ///< undefined where nothing depends on that output
  std::span<const bool> needed;       ///< the inputs whose gradient is wanted
  SourceLocation where;               ///< the caller's line, which the adjoint nodes inherit
};

/// What one run of an operator costs: its arithmetic, and the memory that it has to touch at the least.
struct Cost {
  double flops = 0.0;  ///< floating-point operations; counted for products alone
  double bytes = 0.0;  ///< read and written
};

/// A setting of an operator by its name: numbers, as many as it has. A height and a width are two; what is
/// left out, or stands for all axes, is none; truth is 1 or 0.
struct Attribute {
  std::string_view name;
  std::vector<double> numbers;

  Attribute(std::string_view called, double number) : name(called), numbers{number} {}
  Attribute(std::string_view called, std::int64_t number) : Attribute(called, static_cast<double>(number)) {}
  Attribute(std::string_view called, const Size2d& size)
      : name(called), numbers{static_cast<double>(size.height), static_cast<double>(size.width)} {}
  Attribute(std::string_view called, std::span<const std::int64_t> several)
      : name(called), numbers(several.begin(), several.end()) {}
  bool operator==(const Attribute&) const = default;
};

/// A function of arrays: its name, shape rule, kernels and derivative. Operators hold their settings, never
/// values, and do not change once made; nodes and plans share them.
class Operator {
 public:
  Operator() = default;
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;
  virtual ~Operator() = default;

  /// For errors, graphs and profiles, in the spelling of the function that records it: "batch_norm".
  [[nodiscard]] virtual std::string_view name() const = 0;

  /// Whether `other` makes the same outputs of the same inputs. A plan then runs one of two such nodes. By
  /// default only where it is this very object; see `same_settings`.
  [[nodiscard]] virtual bool is_same(const Operator& other) const { return this == &other; }

  /// Its settings that its inputs' and outputs' types do not tell, for what describes it elsewhere: files
  /// of other formats, pictures. A list, rather than a getter each, so that an operator stays in its source
  /// file.
  [[nodiscard]] virtual std::vector<Attribute> attributes() const { return {}; }

  /// Types of the outputs. Throws ShapeError, saying what was expected; the tape adds the operator and
  /// caller's line.
  [[nodiscard]] virtual std::vector<ValueType> infer(std::span<const ValueType> inputs) const = 0;

  /// The kernel: oneDNN's or a loop for f32, the reference for f64. None is asked for where no output has any
  /// element, but an input may have none where an output has some.
  [[nodiscard]] virtual Kernel bind(const Binding& binding) const = 0;

  /// The outputs as other operators compute them from `inputs`, recorded on the same tape: what the operator
  /// is by definition, where its kernels are faster ways to the same numbers. None for an operator that is
  /// not defined by others.
  [[nodiscard]] virtual std::vector<Var> expand(std::span<const Var> inputs,
                                                const SourceLocation& where) const;

  /// Gradients of the inputs, one for each, undefined where `needed` is false or the gradient is zero
  /// everywhere, recorded as nodes on the same tape. By default those of the expansion. Throws Error when the
  /// operator has no derivative; the transform adds the operator and caller's line to whatever it throws.
  [[nodiscard]] virtual std::vector<Var> vjp(const VjpContext& context) const;

  /// For profiles, and for the choice whether more than one thread pays. By default every value is touched
  /// once.
  [[nodiscard]] virtual Cost cost(std::span<const ValueType> inputs,
                                  std::span<const ValueType> outputs) const;

  /// The memory formats in which the f32 kernel wants its inputs, `present` being those in which they lie,
  /// and in which it leaves its outputs. The plan inserts a reorder where an input lies otherwise. By default
  /// all are row-major.
  [[nodiscard]] virtual Formats formats(std::span<const ValueType> inputs,
                                        std::span<const MemoryFormat> present,
                                        std::span<const ValueType> outputs) const;

  /// Whether no gradient flows back through it by intention: the walk ends here, and no derivative is asked
  /// for.
  [[nodiscard]] virtual bool stops_gradients() const { return false; }

  /// Whether output 0 has input 0's elements, in the same order, under another shape. A plan then lets both
  /// share their memory where it can, and binds the kernel, which copies, where it can't.
  [[nodiscard]] virtual bool is_view() const { return false; }

  /// Inputs that the kernel overwrites: parameters and state. Such a node is never dropped as dead.
  [[nodiscard]] virtual std::vector<std::size_t> mutates(std::span<const ValueType>) const { return {}; }

  /// Whether output 0 may take the memory of input `i`, when nothing reads that input afterwards.
  [[nodiscard]] virtual bool may_overwrite(std::size_t) const { return false; }

  /// Whether its kernel waits for other ranks: it then runs when the plan runs and at no other time.
  [[nodiscard]] virtual bool is_collective() const { return false; }

  /// Whether its kernel begins something that goes on by itself until another node waits for it: it then runs as
  /// soon as its inputs are there, wherever it was recorded.
  [[nodiscard]] virtual bool begins_early() const { return false; }

  /// Inputs to be placed side by side in memory, in this order, each at the next multiple of `alignment`,
  /// where the plan is free to choose: what lets one sweep run over the gradients of all parameters.
  [[nodiscard]] virtual std::vector<std::size_t> adjacent(std::span<const ValueType>) const { return {}; }
};

/// Whether `other` is of the same class and has the same settings, which are members of it: most operators'
/// `is_same`.
template <class Op, class... Settings>
bool same_settings(const Op& op, const Operator& other, Settings Op::*... settings) {
  const auto* same = dynamic_cast<const Op*>(&other);
  return same != nullptr && ((op.*settings == same->*settings) && ...);
}

/// A kernel that fills every output with zeros: what a sum over a batch of nothing is, where oneDNN, which
/// does nothing then, would leave them unwritten.
Kernel zeros(const Binding& binding);

/// The formats of an operator that works on elements wherever they lie, as long as all lie alike: channels
/// last if one of the inputs has its channels last.
Formats formats_alike(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                      std::span<const ValueType> outputs);

}  // namespace keel
