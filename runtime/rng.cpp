#include "keel/runtime/rng.hpp"

#include <bit>
#include <cmath>
#include <numbers>

#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// SplitMix64 (Steele, Lea and Flood 2014): a bijection that spreads every input bit over the whole word.
std::uint64_t mix(std::uint64_t z) {
  z += 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

}  // namespace

Rng::Rng(std::uint64_t seed) : key_(seed) {
  std::uint64_t word = seed;
  for (auto& s : state_) s = word = mix(word);
}

Rng Rng::stream(std::string_view purpose, std::uint64_t index) const {
  std::uint64_t key = mix(key_ ^ 0x6B65656CU);
  for (const char c : purpose) key = mix(key ^ static_cast<unsigned char>(c));
  return Rng{mix(key ^ mix(index))};
}

void Rng::set_state(const State& state) {
  const std::array words{state[1], state[2], state[3], state[4]};
  if (words == std::array<std::uint64_t, 4>{})
    throw Error{"a random stream can't be given a state of zeros, from which only zeros would follow"};
  key_ = state[0];
  state_ = words;
}

std::uint64_t Rng::bits() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Rng::uniform() {
  return static_cast<double>(bits() >> 11) * 0x1.0p-53;
}

double Rng::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

std::uint64_t Rng::below(std::uint64_t bound) {
  const std::uint64_t threshold = -bound % bound;
  while (true) {
    // The high word of bits * bound, from 32-bit halves, is uniform once the short remainder is rejected.
    const std::uint64_t x = bits();
    const std::uint64_t low = x * bound;
    if (low < threshold) continue;
    const std::uint64_t x0 = x & 0xFFFFFFFFU;
    const std::uint64_t x1 = x >> 32;
    const std::uint64_t b0 = bound & 0xFFFFFFFFU;
    const std::uint64_t b1 = bound >> 32;
    const std::uint64_t middle = x1 * b0 + (x0 * b0 >> 32);
    return x1 * b1 + (middle >> 32) + ((x0 * b1 + (middle & 0xFFFFFFFFU)) >> 32);
  }
}

}  // namespace keel
