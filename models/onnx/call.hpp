#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/onnx/network.hpp"
#include "keel/ops/axes.hpp"
#include "keel/ops/term.hpp"
#include "keel/runtime/source_location.hpp"

#pragma GCC visibility push(hidden)

namespace keel::onnx {

/// A value that is known while a network is recorded: integers and truth values in numbers, others in reals.
struct Constant {
  Element element = Element::undefined;
  std::vector<std::int64_t> extents;
  std::vector<std::int64_t> numbers;
  Tensor reals;
};

/// Copies what a file says of an array. Throws OnnxUnsupported for element types that keel does not have.
Constant constant_of(const Array& array, const std::filesystem::path& path);

/// What stands for a value of the network on a tape: a Var, or something known beforehand, or, once it was
/// asked for, both.
struct Item {
  Element element =
      Element::undefined;  ///< as the network has it; truth values may be f32, f64 or s32 on the tape
  Var var;
  std::shared_ptr<const Constant> constant;

  [[nodiscard]] bool defined() const { return var.defined() || constant != nullptr; }
};

/// A network as it is recorded on a tape.
struct Replay {
  Tape& tape;
  SourceLocation where;
  DType single;  ///< what "float" is: f64 where the network is given f64
  std::vector<Item> items;
  std::int64_t budget = std::int64_t{1} << 25;  ///< elements of constants that a file may still ask for
};

/// One node as it is recorded: what its operator's function gets its arguments from, and gives its results
/// to.
class Call {
 public:
  Call(const Network& network, const NetworkNode& node, Replay& replay)
      : network_(network), node_(node), replay_(replay) {}

  [[nodiscard]] const NetworkNode& node() const { return node_; }
  [[nodiscard]] const std::string& op() const { return node_.file.op; }
  [[nodiscard]] std::int64_t opset() const { return network_.opset; }
  [[nodiscard]] Tape& tape() const { return replay_.tape; }
  [[nodiscard]] const SourceLocation& where() const { return replay_.where; }

  [[nodiscard]] std::size_t inputs() const { return node_.inputs.size(); }
  [[nodiscard]] bool has(std::size_t i) const { return i < inputs() && node_.inputs[i] != absent; }
  [[nodiscard]] bool wants(std::size_t output) const {
    return output < node_.outputs.size() && node_.outputs[output] != absent;
  }
  [[nodiscard]] Element element(std::size_t i) const { return item(i).element; }
  /// Its extents, whether it is known or not.
  [[nodiscard]] std::vector<std::int64_t> extents(std::size_t i) const;
  [[nodiscard]] std::size_t rank(std::size_t i) const { return extents(i).size(); }

  /// An input on the tape. Throws OnnxUnsupported for element types that it can't have there.
  [[nodiscard]] Var var(std::size_t i) const;
  /// The same of f32 or f64; throws OnnxUnsupported for others.
  [[nodiscard]] Var real(std::size_t i) const;
  /// The same, also of integers that are known, as `dtype`.
  [[nodiscard]] Var as_real(std::size_t i, DType dtype) const;
  [[nodiscard]] Term term(std::size_t i) const { return {real(i), where()}; }
  /// Truth values as 1 and 0 in f32, or f64 where the network is given that.
  [[nodiscard]] Var truth(std::size_t i) const;

  /// Whether an input is known now.
  [[nodiscard]] bool is_known(std::size_t i) const { return item(i).constant != nullptr; }
  /// An input that has to be known; throws OnnxUnsupported where it is computed by the network.
  [[nodiscard]] const Constant& known(std::size_t i) const;
  [[nodiscard]] std::vector<std::int64_t> known_integers(std::size_t i) const;
  [[nodiscard]] double known_number(std::size_t i) const;
  [[nodiscard]] std::int64_t known_integer(std::size_t i) const;

  // Settings. Each throws Error where it has another type, and where there is neither one nor a default.
  [[nodiscard]] bool is_set(std::string_view name) const { return node_.file.settings.contains(name); }
  [[nodiscard]] std::int64_t integer(std::string_view name, std::optional<std::int64_t> otherwise = {}) const;
  [[nodiscard]] bool flag(std::string_view name, bool otherwise = false) const {
    return integer(name, otherwise ? 1 : 0) != 0;
  }
  [[nodiscard]] double number(std::string_view name, std::optional<double> otherwise = {}) const;
  [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise) const;
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view name,
                                                   std::vector<std::int64_t> otherwise) const;
  /// Of the network's files, for settings of other types.
  [[nodiscard]] const Setting* setting(std::string_view name) const;
  [[nodiscard]] Constant constant(const Array& array) const;

  /// What the setting `name` says, or, since newer opsets have made inputs of such settings, input `i`;
  /// none where neither does.
  [[nodiscard]] std::optional<std::vector<std::int64_t>> setting_or_input(std::string_view name,
                                                                          std::size_t i) const;

  /// Gives an output, of the first input's type unless said otherwise.
  void give(const Var& var) { give(0, var, element(0)); }
  void give(const Term& term) { give(term.var); }
  void give(std::size_t output, const Var& var, Element element);
  void give(std::size_t output, Constant constant);
  void give(std::size_t output, const Item& item);
  /// Integers that are known.
  void give_integers(std::vector<std::int64_t> numbers, std::vector<std::int64_t> extents,
                     Element element = Element::s64);
  [[nodiscard]] const Item& item(std::size_t i) const;

  /// To be called before so many elements are made of what a few bytes of a file say: throws
  /// OnnxUnsupported where they have become more than a network needs.
  void spend(std::int64_t elements) const;

  /// Throws OnnxUnsupported: "model.onnx, node 'conv1' (Conv): `why`".
  [[noreturn]] void refuse(std::string_view why) const;
  /// Throws Error, where the file is wrong.
  [[noreturn]] void fail(std::string_view why) const;

 private:
  [[nodiscard]] Item& item_of(std::size_t i) const;

  const Network& network_;
  const NetworkNode& node_;
  Replay& replay_;
};

}  // namespace keel::onnx

#pragma GCC visibility pop
