#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "keel/runtime/rng.hpp"

namespace keel {

/// What values an array starts from.
class Initializer {
 public:
  /// Words of s32 that a random operator keeps as its stream: two of a random key, the others 0, which count.
  static Initializer random_stream() { return {Kind::random_stream, 0.0, 0.0}; }
  static Initializer constant(double value) { return {Kind::uniform, value, value}; }
  /// Uniform in [low, high); `low` everywhere when both are equal. Throws Error unless low <= high, finite.
  static Initializer uniform(double low, double high);
  /// Throws Error unless both are finite and `deviation` is not negative.
  static Initializer normal(double mean, double deviation);
  /// PyTorch's default for a layer of `fan_in` inputs, for weights and bias alike: uniform in
  /// +-1/sqrt(fan_in). (Its "kaiming_uniform with a = sqrt(5)" comes to the same.)
  static Initializer fan_in(std::int64_t fan_in);

  /// The same, but for zeros from element `first` on, up to `end`.
  [[nodiscard]] Initializer with_zeros(std::int64_t first, std::int64_t end) const;

  [[nodiscard]] bool is_constant() const {
    return kind_ == Kind::uniform && first_ == second_ && zeros_begin_ == zeros_end_;
  }
  [[nodiscard]] bool is_random_stream() const { return kind_ == Kind::random_stream; }
  /// The value of the next element, number `index`; a constant draws nothing, a zero among others as they do.
  [[nodiscard]] double sample(Rng& rng, std::int64_t index) const;

 private:
  enum class Kind : std::uint8_t { uniform, normal, random_stream };
  Initializer(Kind kind, double first, double second) : kind_(kind), first_(first), second_(second) {}

  Kind kind_;
  double first_;   // low, or the mean
  double second_;  // high, or the standard deviation
  std::int64_t zeros_begin_ = 0;
  std::int64_t zeros_end_ = 0;
};

/// How many inputs an output of a layer is computed from, and how many outputs an input has a part in.
struct Fans {
  std::int64_t in;
  std::int64_t out;
};

/// By what rule a layer's weights start, whatever its size: the layer knows its fans, its user picks the
/// rule.
using InitializerRule = std::function<Initializer(Fans)>;

/// The rules by name. Each throws Error where a fan is not positive.
namespace initializers {

/// PyTorch's default: uniform in +-1/sqrt(fan in).
InitializerRule fan_in();
/// He et al. 2015, "Delving deep into rectifiers": for layers with a ReLU behind them. Of variance
/// 2 / (fan in), that is with gain sqrt(2): each layer keeps the mean square of what comes in.
InitializerRule kaiming_normal();
InitializerRule kaiming_uniform();
/// Glorot and Bengio 2010: of variance 2 / (fan in + fan out).
InitializerRule xavier_normal();
InitializerRule xavier_uniform();

InitializerRule normal(double mean, double deviation);
InitializerRule uniform(double low, double high);
InitializerRule constant(double value);

/// "fan_in", "kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform" or, with numbers of their
/// own, "normal(0, 0.01)", "uniform(-1, 1)", "constant(0)". Throws Error, listing these, for anything else.
InitializerRule by_name(std::string_view name);

}  // namespace initializers

}  // namespace keel
