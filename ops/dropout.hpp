#pragma once

#include "keel/graph/operator.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Words of s32 in the random stream that `dropout` draws from: a key of two, then a count of two, the lower
/// one first.
inline constexpr std::int64_t dropout_stream_words = 4;

/// Inverted dropout (Srivastava et al. 2014): dst = src * mask / (1 - rate), where each element of the mask
/// is 0 with probability `rate`, else 1. src of any shape, f32 or f64; rate in [0, 1), resolved to 2^-32.
///
/// `stream` is a stored s32 value of shape (4) which each run of the plan advances by one. The mask is a
/// function of the stream's key and count, and of each element's place in row-major order, alone: not of
/// threads, element type, or whether the program is replayed or was recorded anew. Applied several times to
/// one stream, it draws a mask for each. Throws ShapeError for other streams and rates.
Var dropout(const Var& src, double rate, const Var& stream,
            const SourceLocation& where = SourceLocation::current());

/// A mask for `dropout`: u8 of the given shape, 0 or 1. Input: the stream, which it advances. It has no
/// derivative and needs none.
class DropoutMaskOp final : public Operator {
 public:
  DropoutMaskOp(Shape shape, double rate) : shape_(shape), rate_(rate) {}
  [[nodiscard]] std::string_view name() const override { return "dropout_mask"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<std::size_t> mutates(std::span<const ValueType>) const override { return {0}; }

 private:
  Shape shape_;
  double rate_;
};

/// dst = src * mask / (1 - rate); its own derivative, under the same mask. Inputs: src, mask. Images have to
/// be row-major, as their mask is.
class DropoutOp final : public Operator {
 public:
  explicit DropoutOp(double rate) : rate_(rate) {}
  [[nodiscard]] std::string_view name() const override { return "dropout"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  [[nodiscard]] Kernel bind(const Binding& binding) const override;
  [[nodiscard]] std::vector<Var> vjp(const VjpContext& context) const override;
  [[nodiscard]] bool may_overwrite(std::size_t input) const override { return input == 0; }

 private:
  template <class T>
  [[nodiscard]] Kernel loop(const Binding& binding) const;

  double rate_;
};

}  // namespace keel
