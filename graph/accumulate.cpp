#include "keel/graph/accumulate.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/threads.hpp"

namespace keel {
namespace {

// A loop: oneDNN's sum takes 1.2 to 2.7 times as long on one thread.
template <class T>
Kernel sum_kernel(const Binding& binding) {
  std::vector<SlotView<const T>> terms;
  for (std::size_t i = 0; i < binding.inputs(); ++i) terms.push_back(binding.input<const T>(i));
  const auto dst = binding.output<T>(0);
  constexpr std::int64_t elements_per_thread = 1 << 14;
  return {[=, count = binding.output_type(0).shape.elements()] {
            parallel_for(count, elements_per_thread, [&](std::int64_t begin, std::int64_t end) {
              T* sum = dst.get();
              const T* first = terms[0].get();
              const T* second = terms[1].get();
              for (auto k = begin; k < end; ++k) sum[k] = first[k] + second[k];
              for (std::size_t i = 2; i < terms.size(); ++i) {
                const T* term = terms[i].get();
                for (auto k = begin; k < end; ++k) sum[k] += term[k];
              }
            });
          },
          "loop"};
}

class AccumulateOp final : public Operator {
 public:
  [[nodiscard]] std::string_view name() const override { return "accumulate"; }
  [[nodiscard]] bool is_same(const Operator& other) const override { return same_settings(*this, other); }

  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    for (const auto& type : inputs) {
      if (type != inputs[0]) throw ShapeError{"all terms must have the same shape and element type"};
    }
    return {inputs[0]};
  }

  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return binding.output_type(0).dtype == DType::f64 ? sum_kernel<double>(binding)
                                                      : sum_kernel<float>(binding);
  }

  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    std::vector<Var> grads(context.inputs.size(), context.output_grads[0]);
    return grads;
  }

  [[nodiscard]] Formats formats(std::span<const ValueType> inputs, std::span<const MemoryFormat> present,
                                std::span<const ValueType> outputs) const override {
    return formats_alike(inputs, present, outputs);
  }

  // Only the first term: later ones are still to be read when the sum's first element is written.
  [[nodiscard]] bool may_overwrite(std::size_t input) const override { return input == 0; }
};

}  // namespace

Var accumulate(std::span<const Var> terms, const SourceLocation& where) {
  if (terms.empty())
    throw Error{fmt::format("accumulate at {}: there is nothing to add up", describe(where))};
  if (terms.size() == 1) return terms[0];
  return terms[0].tape().record_one(std::make_shared<AccumulateOp>(), terms, where);
}

}  // namespace keel
