#include "keel/ops/all_reduce.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "keel/graph/tape.hpp"
#include "keel/ops/types.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// From so many elements on, an array is worth a message of its own that travels while others are computed.
constexpr std::int64_t large = std::int64_t{1} << 16U;

// Derivatives are sums again, in one message.
std::vector<Var> summed_up(const VjpContext& context) {
  std::vector<Var> defined;
  for (const auto& grad : context.output_grads)
    if (grad.defined()) defined.push_back(grad);
  const auto sums = all_reduce(defined, context.where);
  std::vector<Var> grads;
  std::size_t next = 0;
  for (const auto& grad : context.output_grads) grads.push_back(grad.defined() ? sums[next++] : Var{});
  return grads;
}

// The operator behind `all_reduce`: copies its inputs together, and the sums out again.
class AllReduceOp final : public Operator {
 public:
  explicit AllReduceOp(Communicator ranks) : ranks_(std::move(ranks)) {}
  [[nodiscard]] std::string_view name() const override { return "all_reduce"; }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &AllReduceOp::ranks_);
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    return {inputs.begin(), inputs.end()};
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return binding.input_type(0).dtype == DType::f64 ? kernel<double>(binding) : kernel<float>(binding);
  }
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override { return summed_up(context); }
  [[nodiscard]] bool is_collective() const override { return true; }

 private:
  template <class T>
  [[nodiscard]] Kernel kernel(const Binding& binding) const {
    struct Piece {
      SlotView<const T> src;
      SlotView<T> dst;
      std::size_t count;
    };
    std::vector<Piece> pieces;
    std::size_t count = 0;
    for (std::size_t i = 0; i < binding.inputs(); ++i) {
      pieces.push_back({binding.input<const T>(i), binding.output<T>(i),
                        static_cast<std::size_t>(binding.input_type(i).shape.elements())});
      count += pieces.back().count;
    }
    const SlotView<T> together{*binding.scratch(count * sizeof(T))};
    return {[pieces, count, together, ranks = ranks_] {
              T* next = together.get();
              for (const auto& piece : pieces) next = std::copy_n(piece.src.get(), piece.count, next);
              ranks.all_reduce(std::span{together.get(), count}, "all_reduce");
              const T* sums = together.get();
              for (const auto& piece : pieces) {
                std::copy_n(sums, piece.count, piece.dst.get());
                sums += piece.count;
              }
            },
            "ranks"};
  }

  Communicator ranks_;
};

// One array's sum, begun by this operator and there behind the next.
class BeginAllReduceOp final : public Operator {
 public:
  explicit BeginAllReduceOp(Communicator ranks) : ranks_(std::move(ranks)) {}
  [[nodiscard]] std::string_view name() const override { return "begin_all_reduce"; }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &BeginAllReduceOp::ranks_);
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    require_same_float(inputs);
    return {inputs[0]};
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return binding.input_type(0).dtype == DType::f64 ? kernel<double>(binding) : kernel<float>(binding);
  }
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override { return summed_up(context); }
  [[nodiscard]] bool is_collective() const override { return true; }
  [[nodiscard]] bool begins_early() const override { return true; }
  [[nodiscard]] bool may_overwrite(std::size_t) const override { return true; }

 private:
  template <class T>
  [[nodiscard]] Kernel kernel(const Binding& binding) const {
    return {[src = binding.input<const T>(0), dst = binding.output<T>(0), ranks = ranks_,
             count = static_cast<std::size_t>(binding.input_type(0).shape.elements())] {
              if (src.get() != dst.get()) std::copy_n(src.get(), count, dst.get());
              ranks.begin_all_reduce(std::span{dst.get(), count}, "all_reduce");
            },
            "ranks"};
  }

  Communicator ranks_;
};

class FinishAllReduceOp final : public Operator {
 public:
  explicit FinishAllReduceOp(Communicator ranks) : ranks_(std::move(ranks)) {}
  [[nodiscard]] std::string_view name() const override { return "finish_all_reduce"; }
  [[nodiscard]] bool is_same(const Operator& other) const override {
    return same_settings(*this, other, &FinishAllReduceOp::ranks_);
  }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {inputs[0]};
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    return binding.input_type(0).dtype == DType::f64 ? kernel<double>(binding) : kernel<float>(binding);
  }
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override {
    return {context.output_grads[0]};
  }
  [[nodiscard]] bool is_collective() const override { return true; }
  // Of what is under way, which nothing else reads.
  [[nodiscard]] bool is_view() const override { return true; }

 private:
  template <class T>
  [[nodiscard]] Kernel kernel(const Binding& binding) const {
    return {[src = binding.input<T>(0), dst = binding.output<T>(0), ranks = ranks_,
             count = static_cast<std::size_t>(binding.input_type(0).shape.elements())] {
              ranks.finish_all_reduce(std::span{src.get(), count});
              if (src.get() != dst.get()) std::copy_n(src.get(), count, dst.get());
            },
            "ranks"};
  }

  Communicator ranks_;
};

}  // namespace

Var all_reduce(const Var& src, const SourceLocation& where) {
  return all_reduce(std::array{src}, where)[0];
}

std::vector<Var> all_reduce(std::span<const Var> values, const SourceLocation& where) {
  std::vector<Var> sums{values.begin(), values.end()};
  for (const auto& value : values) {
    if (value.dtype() != DType::f32 && value.dtype() != DType::f64) {
      throw ShapeError{fmt::format("all_reduce at {} takes arrays of f32 or f64, not {}", describe(where),
                                   to_string(ValueType{value.shape(), value.dtype()}))};
    }
  }
  if (values.empty() || values[0].tape().ranks().size() == 1) return sums;
  Tape& tape = values[0].tape();
  for (const auto dtype : {DType::f32, DType::f64}) {
    std::vector<std::size_t> together;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (values[i].dtype() == dtype && values[i].shape().elements() < large) together.push_back(i);
    if (together.empty()) continue;
    std::vector<Var> inputs;
    for (const auto i : together) inputs.push_back(values[i]);
    const auto outputs = tape.record(std::make_shared<AllReduceOp>(tape.ranks()), inputs, where);
    for (std::size_t k = 0; k < together.size(); ++k) sums[together[k]] = outputs[k];
  }
  std::vector<std::size_t> begun;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].shape().elements() < large) continue;
    sums[i] = record(std::make_shared<BeginAllReduceOp>(tape.ranks()), {values[i]}, where);
    begun.push_back(i);
  }
  for (const auto i : begun)
    sums[i] = record(std::make_shared<FinishAllReduceOp>(tape.ranks()), {sums[i]}, where);
  return sums;
}

}  // namespace keel
