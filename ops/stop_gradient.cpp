#include "keel/ops/stop_gradient.hpp"

#include <cstring>
#include <memory>

#include "keel/graph/tape.hpp"

namespace keel {
namespace {

// The operator behind `stop_gradient`: a view.
class StopGradientOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "stop_gradient"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {inputs[0]};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return {[&src = binding.input_slot(0), &dst = binding.output_slot(0),
             bytes = binding.output_type(0).bytes()] { std::memcpy(dst.data(), src.data(), bytes); },
            "loop"};
  }

  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override {
    return formats_alike(inputs, present, outputs);
  }

  [[nodiscard]] bool is_view() const override { return true; }
  [[nodiscard]] bool stops_gradients() const override { return true; }
};

}  // namespace

Var stop_gradient(const Var& src, const SourceLocation& where) {
  return record(std::make_shared<StopGradientOp>(), {src}, where);
}

}  // namespace keel
