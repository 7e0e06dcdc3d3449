#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/call.hpp"
#include "keel/models/parameter.hpp"
#include "keel/models/presence.hpp"
#include "keel/models/settings.hpp"
#include "keel/models/visit_check.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/shape.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

// Networks as files of the format ONNX (opset 17 when written, 6 to 22 when read), which other programs
// run. Where keel was built without onnx.proto, of Debian's package libonnx-dev, these functions throw an
// Error that says so.

/// A file says something that is right in ONNX, but that keel has no operator or element type for.
class OnnxUnsupported : public Error {
 public:
  using Error::Error;
};

struct ExportOptions {
  /// Folds each batch norm into the layer before it: see models/fold.hpp, whose errors it throws.
  bool fold = false;
  /// Inputs, by their places, that have no axis of samples: their types are given whole.
  std::vector<std::size_t> whole_inputs = {};
  /// What the file says of itself, for people, and by keys, for programs: its metadata.
  std::string description = {};
  std::map<std::string, std::string> texts = {};
};

namespace detail {

/// A model's forward pass: its outputs of these inputs, recorded.
using Recording = std::function<std::vector<Var>(std::span<const Var>)>;

/// `export_onnx` of a model given by its forward pass and its parameters.
void export_onnx(const Recording& record, std::span<const ValueType> samples,
                 std::span<const NamedParameter> parameters, std::span<const NamedSetting> settings,
                 const std::filesystem::path& path, const ExportOptions& options);

/// The element type that images are of for a model with these parameters.
DType input_type(std::span<const NamedParameter> parameters);

template <class Model>
std::vector<Var> outputs_of(Model& model, std::span<const Var> inputs, const SourceLocation& where) {
  if constexpr (requires { model.apply(inputs, where); }) {
    return model.apply(inputs, where);
  } else {
    auto outputs = call_model(model, inputs, where);
    if constexpr (std::convertible_to<decltype(outputs), Var>)
      return {outputs};
    else
      return {outputs.begin(), outputs.end()};
  }
}

}  // namespace detail

/// Writes what `model` computes in inference mode, for batches of any size, into an ONNX file: opset 17, IR
/// version 8. `samples` are the types of one sample of each input, without the batch's axis, which comes
/// first and is called N in the file; so are inputs "input", or "input0", "input1", ..., and outputs
/// "output", ... Parameters become initializers under their paths, other stored values constants. The file
/// is there whole or not at all. Throws Error, naming the operator and its line, for one that has no
/// counterpart in ONNX, and where the number of samples has become a part of the model: in the shape of a
/// constant, for one; also for a model of more than the 2 GiB that an ONNX file may have.
template <class Model>
void export_onnx(Model& model, std::span<const ValueType> samples, const std::filesystem::path& path,
                 const ExportOptions& options = {}, const SourceLocation& where = SourceLocation::current()) {
  const auto named = parameters(model);
  const auto record = [&](std::span<const Var> inputs) {
    return detail::recorded(model, [&] { return detail::outputs_of(model, inputs, where); });
  };
  detail::export_onnx(record, samples, named, settings(model), path, options);
}

/// The same for a model of one input: samples of shape `sample`, of the parameters' element type.
///
///   export_onnx(model, {784}, "model.onnx");
template <class Model>
void export_onnx(Model& model, const Shape& sample, const std::filesystem::path& path,
                 const ExportOptions& options = {}, const SourceLocation& where = SourceLocation::current()) {
  const ValueType type{sample, detail::input_type(parameters(model))};
  export_onnx(model, std::span{&type, 1}, path, options, where);
}

/// An input or output of a network as its file declares it.
struct OnnxValue {
  std::string name;
  std::string element_type;           ///< as ONNX calls it: "float", "int64"
  std::vector<std::int64_t> extents;  ///< -1 where any will do, as for the number of samples
  bool has_shape = false;             ///< whether the file says anything of the extents
};

struct ImportOptions {
  /// Inputs, by name, that are always these values, and not given when the model is called.
  std::map<std::string, Tensor> fixed_inputs = {};
};

namespace detail {

/// Parameters by the parts of their names between dots.
class OnnxPart {
 public:
  void visit(auto&& each) {
    for (auto& [name, child] : children_)
      child.parameter != nullptr ? each(name, *child.parameter) : each(name, *child.part);
  }
  void visit_settings(auto&& each) const {
    for (const auto& [name, value] : settings_) each(name, std::optional{value});
  }
  /// Adds a parameter under a path, made valid and distinct where `name` is not: what it is now.
  Parameter& add(const std::string& name, Parameter parameter);
  /// Adds a setting of the layer that a parameter of this name belongs to.
  void add_setting(const std::string& parameter, const std::string& name, double value);

 private:
  struct Child {
    std::unique_ptr<Parameter> parameter;
    std::unique_ptr<OnnxPart> part;
  };
  std::vector<std::pair<std::string, Child>> children_;
  /// The part that a name leads to, and what the name is within it.
  std::pair<OnnxPart*, std::string> place_of(const std::string& name);

  std::vector<std::pair<std::string, double>> settings_;
  std::map<std::string, std::size_t> parameters_;  // places among the children
  std::map<std::string, std::size_t> parts_;
  std::map<std::string, int> taken_;  // how often a name was wanted
};

/// What a file has become, behind an OnnxModel.
class OnnxNetwork {
 public:
  OnnxNetwork() = default;
  OnnxNetwork(const OnnxNetwork&) = delete;
  OnnxNetwork& operator=(const OnnxNetwork&) = delete;
  virtual ~OnnxNetwork() = default;
  [[nodiscard]] virtual std::vector<Var> record(Tape& tape, std::span<const Var> inputs,
                                                const SourceLocation& where) const = 0;
  [[nodiscard]] virtual std::vector<std::string> operators() const = 0;

  std::filesystem::path path;
  std::map<std::string, std::string> texts;
  std::vector<OnnxValue> inputs;
  std::vector<OnnxValue> outputs;
  OnnxPart parts;
};

}  // namespace detail

/// A network from an ONNX file: a model like any other. Its parameters are the file's floating-point
/// initializers under their names, a batch norm's running statistics among them; on a training tape a batch
/// norm normalizes by the batch and moves these. A dropout does nothing, as in the file.
class OnnxModel {
 public:
  explicit OnnxModel(std::unique_ptr<detail::OnnxNetwork> network);
  OnnxModel(OnnxModel&&) noexcept;
  OnnxModel& operator=(OnnxModel&&) noexcept;
  ~OnnxModel();

  /// The first output of a network of one input. Throws ShapeError, naming the file, the node and its
  /// operator, where shapes don't fit, OnnxUnsupported where what these shapes need is not to be had.
  Var operator()(const Var& src, const SourceLocation& where = SourceLocation::current()) const;
  /// All outputs. Integers and truth values are s32.
  std::vector<Var> apply(std::span<const Var> inputs,
                         const SourceLocation& where = SourceLocation::current()) const;
  /// The same on a tape, where a network may have no input.
  std::vector<Var> apply(Tape& tape, std::span<const Var> inputs,
                         const SourceLocation& where = SourceLocation::current()) const;

  /// What the file declares, without the inputs that are fixed.
  [[nodiscard]] const std::vector<OnnxValue>& inputs() const;
  [[nodiscard]] const std::vector<OnnxValue>& outputs() const;
  /// What the file says of itself by keys: its metadata.
  [[nodiscard]] const std::map<std::string, std::string>& texts() const;
  /// The operators of its nodes, in order.
  [[nodiscard]] std::vector<std::string> operators() const;

  void visit(auto&& each) { parts().visit(each); }
  void visit_settings(auto&& each) const { parts().visit_settings(each); }
  /// Tells when it was moved.
  [[nodiscard]] Presence::Watch watch() const { return presence_.watch(); }

 private:
  [[nodiscard]] detail::OnnxPart& parts() const;

  std::unique_ptr<detail::OnnxNetwork> network_;
  Presence presence_;
};

/// Reads a network from an ONNX file, of opset 6 to 22. Values that it keeps in other files must lie in its
/// folder or below. Throws Error, naming the file, the node and its operator, for anything else than a
/// right file, OnnxUnsupported for operators and element types that keel does not have. No file makes it
/// crash, hang, or take more memory than some multiple of the file's size.
OnnxModel load_onnx(const std::filesystem::path& path, const ImportOptions& options = {});

}  // namespace keel
