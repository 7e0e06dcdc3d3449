#pragma once

#include <cstddef>
#include <cstdint>

#pragma GCC visibility push(hidden)

namespace keel::loops {

/// What a random mask is a function of.
struct MaskStream {
  std::uint32_t key0, key1;
  std::uint32_t count0, count1;
};

/// The elements of a mask that are drawn together.
inline constexpr std::int64_t mask_chunk = 64;

/// mask[i] = 0 where a random word, one for each element, is below `threshold`, else 1, for begin <= i < end;
/// `begin` must be a multiple of `mask_chunk`. The words are those of Philox 4x32-10 (Salmon, Moraes, Dror
/// and Shaw 2011), a function of a key and a counter: element i is word (i / 16) % 4 of what the counter
/// {16 (i / 64) + i % 16, stream count} gives, so that 16 counters fill 64 elements in vectors.
void random_mask(const MaskStream& stream, std::int64_t begin, std::int64_t end, std::uint32_t threshold,
                 std::uint8_t* mask);

/// Sixteen counters of Philox 4x32 side by side.
struct PhiloxBlock {
  static constexpr std::size_t lanes = 16;
  std::uint32_t word[4][lanes];

  /// Ten rounds: two multiplications to 64 bits, whose halves change places under the key, which moves on by
  /// Weyl sequences.
  [[gnu::always_inline]] inline void scramble(std::uint32_t key0, std::uint32_t key1) {
    for (int round = 0; round < 10; ++round) {
      for (std::size_t i = 0; i < lanes; ++i) {
        const std::uint64_t a = std::uint64_t{0xD2511F53U} * word[0][i];
        const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * word[2][i];
        word[0][i] = static_cast<std::uint32_t>(b >> 32U) ^ word[1][i] ^ key0;
        word[1][i] = static_cast<std::uint32_t>(b);
        word[2][i] = static_cast<std::uint32_t>(a >> 32U) ^ word[3][i] ^ key1;
        word[3][i] = static_cast<std::uint32_t>(a);
      }
      key0 += 0x9E3779B9U;
      key1 += 0xBB67AE85U;
    }
  }
};

}  // namespace keel::loops

#pragma GCC visibility pop
