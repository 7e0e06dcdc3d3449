// A batch norm that is not synchronized over R ranks is one of ghost batches, as `keel study ghost` trains it.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "../../support/random_tensor.hpp"
#include "../../support/ranks_support.hpp"
#include "../../support/thread_ranks.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/sgd.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/training/network.hpp"

namespace {

using namespace keel;
using namespace keel::tools;
using test::random_tensor;
using test::rows_of;

constexpr std::int64_t rows = 48;
constexpr int steps = 6;

using Arrays = std::map<std::string, std::vector<double>>;

NetworkOptions options_with(std::int64_t ghost_size) {
  return {.inputs = 20,
          .height = 4,
          .hidden = {16, 16},
          .classes = 3,
          .norm = Norm::batch,
          .ghost_size = ghost_size};
}

Tensor labels_of(int step) {
  Tensor labels{Shape{rows}, DType::s32};
  Rng random{static_cast<std::uint64_t>(step) + 100};
  for (auto& label : labels.data<std::int32_t>()) label = static_cast<std::int32_t>(random.below(3));
  return labels;
}

Arrays trained(std::int64_t ghost_size, const Communicator& ranks) {
  Network network{options_with(ghost_size)};
  initialize(network, Rng{1}, DType::f64);
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep step{network, sgd, cross_entropy, {.ranks = ranks}};
  const auto begin = rows * ranks.rank() / ranks.size();
  const auto end = rows * (ranks.rank() + 1) / ranks.size();
  for (int i = 0; i < steps; ++i)
    step(rows_of(random_tensor({rows, 20}, DType::f64, static_cast<std::uint64_t>(i) + 1), begin, end),
         rows_of(labels_of(i), begin, end));
  Arrays arrays;
  for (const auto& [path, parameter] : parameters(network)) {
    const auto values = parameter->value().data<double>();
    arrays[path].assign(values.begin(), values.end());
  }
  return arrays;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ghosts_of_ranks)

BOOST_AUTO_TEST_CASE(ranks_without_synchronization_are_ghost_batches) {
  for (const int size : {2, 3, 4}) {
    const auto ghosts = trained(rows / size, {});
    const auto whole = trained(0, {});
    std::mutex mutex;
    Arrays by_ranks;
    test::run_ranks(size, [&](const Communicator& ranks) {
      auto arrays = trained(0, ranks);
      const std::lock_guard lock{mutex};
      by_ranks = std::move(arrays);
    });
    double off = 0.0;
    double off_whole = 0.0;
    for (const auto& [path, values] : ghosts) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        off = std::max(off, std::abs(values[i] - by_ranks.at(path)[i]));
        off_whole = std::max(off_whole, std::abs(whole.at(path)[i] - by_ranks.at(path)[i]));
      }
    }
    BOOST_TEST(off < 1e-11, size << " ranks are off by " << off);
    BOOST_TEST(off_whole > 1e-3);  // and not the whole batch's
  }
}

BOOST_AUTO_TEST_SUITE_END()
