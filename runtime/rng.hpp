#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace keel {

/// A random stream, and the root of further streams derived from it by name.
///
/// A stream depends on the seed and the names on its path alone, never on time, addresses or threads, and
/// deriving one does not advance its parent: `rng.stream("weights")` is the same however much was drawn from
/// `rng`. The generator is xoshiro256** (Blackman and Vigna 2018), seeded through SplitMix64. Draws use
/// integer arithmetic and exactly rounded operations alone, so they are the same on every machine, except
/// `normal`, which uses the C library's logarithm and cosine.
class Rng {
 public:
  explicit Rng(std::uint64_t seed);

  /// An independent stream for `purpose`, and for the `index`-th item of it.
  [[nodiscard]] Rng stream(std::string_view purpose, std::uint64_t index = 0) const;

  /// 64 random bits.
  std::uint64_t bits();
  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform();
  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Normal with mean 0 and standard deviation 1 (Box and Muller 1958).
  double normal();
  /// Uniform integer in [0, bound), without bias (Lemire 2019). `bound` must be positive.
  std::uint64_t below(std::uint64_t bound);

  /// Puts `values` into a random order (Fisher and Yates).
  template <class T>
  void shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

  /// All that the stream is, to be saved: the number that further streams are derived from, then the
  /// generator's four words. A stream that is given another's state goes on as that one would.
  using State = std::array<std::uint64_t, 5>;
  [[nodiscard]] State state() const { return {key_, state_[0], state_[1], state_[2], state_[3]}; }
  /// Throws Error for words that are all 0, which no stream has.
  void set_state(const State& state);

 private:
  std::uint64_t key_;  // what derived streams are derived from
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace keel
