#pragma once

#include <algorithm>
#include <cstdint>
#include <thread>

#include "keel/tools/data/image_set.hpp"

namespace keel::tools {

/// How many digits to draw, and from which seed.
struct DigitsOptions {
  std::uint64_t seed = 1;
  std::int64_t train = 60'000;  ///< images to train with
  std::int64_t test = 10'000;   ///< images to test with, drawn from streams of their own
  int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
};

/// The built-in stand-in for MNIST (LeCun et al. 1998): handwritten-looking digits drawn by the program
/// itself, white on black, 28 x 28 pixels, about 20 pixels tall, ten classes about equally frequent.
///
/// Every image has a random stream of its own and is made with exactly rounded arithmetic alone, so an
/// image's bytes depend on the seed, its subset and its index, and on nothing else: not on the counts, the
/// threads, the compiler (which must not contract a product and a sum: -ffp-contract=off) or the machine.
/// Throws `Error` for a negative count or fewer than one thread.
DataSet make_digits(const DigitsOptions& options = {});

}  // namespace keel::tools
