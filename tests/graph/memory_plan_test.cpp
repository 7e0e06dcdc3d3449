#include "keel/graph/memory_plan.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <vector>

#include "keel/runtime/buffer.hpp"
#include "keel/runtime/rng.hpp"

namespace {

using keel::aligned;
using keel::Block;
using keel::plan_memory;
using keel::Rng;

bool live_together(const Block& a, const Block& b) {
  return a.first <= b.last && b.first <= a.last;
}

// The most bytes that are needed at any one step: no plan can do with less.
std::size_t peak(const std::vector<Block>& blocks) {
  std::size_t most = 0;
  for (const auto& moment : blocks) {
    std::size_t bytes = 0;
    for (const auto& block : blocks) {
      if (block.first <= moment.first && moment.first <= block.last) bytes += aligned(block.bytes);
    }
    most = std::max(most, bytes);
  }
  return most;
}

void check(const std::vector<Block>& blocks) {
  const auto plan = plan_memory(blocks);
  BOOST_TEST_REQUIRE(plan.offsets.size() == blocks.size());
  std::size_t total = 0;
  std::size_t end = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    total += aligned(blocks[i].bytes);
    end = std::max(end, plan.offsets[i] + aligned(blocks[i].bytes));
    BOOST_TEST(plan.offsets[i] % keel::alignment == 0U);
    for (std::size_t j = 0; j < i; ++j) {
      const bool overlap = plan.offsets[i] < plan.offsets[j] + blocks[j].bytes &&
                           plan.offsets[j] < plan.offsets[i] + blocks[i].bytes;
      BOOST_TEST(!(overlap && live_together(blocks[i], blocks[j])), "blocks " << j << " and " << i);
    }
  }
  BOOST_TEST(plan.bytes == end);
  BOOST_TEST(plan.bytes <= total);
  BOOST_TEST(plan.bytes >= peak(blocks));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(memory_plan_test)

BOOST_AUTO_TEST_CASE(nothing_needs_no_memory) {
  BOOST_TEST(plan_memory({}).bytes == 0U);
  BOOST_TEST(plan_memory(std::vector<Block>{{0, 0, 3}}).bytes == 0U);
}

BOOST_AUTO_TEST_CASE(random_blocks_never_collide) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng{seed};
    std::vector<Block> blocks(rng.below(40) + 1);
    const auto steps = rng.below(20) + 1;
    for (auto& block : blocks) {
      const auto a = rng.below(steps);
      const auto b = rng.below(steps);
      block = {rng.below(8) == 0 ? 0 : rng.below(1000), std::min(a, b), std::max(a, b)};
    }
    check(blocks);
  }
}

BOOST_AUTO_TEST_CASE(blocks_that_follow_one_another_share_memory) {
  const std::vector<Block> blocks{{100, 0, 1}, {100, 2, 3}, {100, 4, 4}};
  BOOST_TEST(plan_memory(blocks).bytes == 128U);
}

// At step 1 the first block is read while the second is written.
BOOST_AUTO_TEST_CASE(a_last_and_a_first_use_in_one_step_do_not_share_memory) {
  const std::vector<Block> blocks{{64, 0, 1}, {64, 1, 2}};
  BOOST_TEST(plan_memory(blocks).bytes == 128U);
}

BOOST_AUTO_TEST_CASE(a_small_block_goes_into_the_gap_that_a_larger_one_leaves) {
  const std::vector<Block> blocks{{640, 0, 1}, {320, 2, 3}, {320, 2, 3}, {128, 0, 3}};
  const auto plan = plan_memory(blocks);
  BOOST_TEST(plan.bytes == 640U + 128U);
  check(blocks);
}

BOOST_AUTO_TEST_SUITE_END()
