#include "keel/ops/random_mask.hpp"

#include <algorithm>

namespace keel::loops {

KEEL_EACH_WIDTH void random_mask(const MaskStream& stream, std::int64_t begin, std::int64_t end,
                                 std::uint32_t threshold, std::uint8_t* __restrict mask) {
  constexpr auto lanes = PhiloxBlock::lanes;
  for (std::int64_t chunk = begin; chunk < end; chunk += mask_chunk) {
    PhiloxBlock block;
    const auto first = static_cast<std::uint64_t>(chunk / mask_chunk) * lanes;
    for (std::size_t i = 0; i < lanes; ++i) {
      block.word[0][i] =
          static_cast<std::uint32_t>(first + i);  // `first` is a multiple of the lanes: no carry
      block.word[1][i] = static_cast<std::uint32_t>(first >> 32U);
      block.word[2][i] = stream.count0;
      block.word[3][i] = stream.count1;
    }
    block.scramble(stream.key0, stream.key1);
    std::uint8_t bits[4][lanes];
    for (std::size_t w = 0; w < 4; ++w)
      for (std::size_t i = 0; i < lanes; ++i) bits[w][i] = block.word[w][i] < threshold ? 0 : 1;
    std::copy_n(&bits[0][0], std::min(end - chunk, mask_chunk), mask + chunk);
  }
}

}  // namespace keel::loops
