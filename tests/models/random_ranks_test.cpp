// Networks made up at random, whose weights are used more than once and stand in the loss, train over ranks as in one
// process: their gradients are sums of several, large enough to be on their way while others are computed.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/ranks_support.hpp"
#include "../support/thread_ranks.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::begins_of;
using test::random_tensor;
using test::rows_of;
using test::run_ranks;
using test::values;

constexpr std::int64_t width = 256;  // 65,536 weights a matrix

struct Woven {
  struct Layer {
    std::size_t weights;
    bool rectified;
    bool residual;
  };

  explicit Woven(Rng rng) {
    const auto matrices = 1 + rng.below(3);
    for (std::size_t i = 0; i < matrices; ++i)
      weights.emplace_back(Shape{width, width}, Initializer::uniform(-0.05, 0.05));
    const auto depth = 2 + rng.below(4);
    for (std::size_t i = 0; i < depth; ++i)
      layers.push_back({rng.below(matrices), rng.below(2) == 0, rng.below(2) == 0});
    for (std::size_t i = 0; i < matrices; ++i)
      if (rng.below(2) == 0) penalized.push_back(i);
  }

  Var operator()(Var src) {
    Tape& tape = src.tape();
    std::vector<Var> matrices;
    for (const auto& matrix : weights) matrices.push_back(matrix.on(tape, "weights"));
    for (const auto& [matrix, rectified, residual] : layers) {
      Var dst = matmul(src, matrices[matrix]);
      if (rectified) dst = relu(dst);
      src = residual ? src + dst : dst;
    }
    Var loss = mean(square(src - 0.5));
    for (const auto i : penalized) loss = loss + 1e-3 * sum(square(matrices[i]));
    return loss;
  }
  void visit(auto&& each) { each("weights", weights); }

  std::vector<Parameter> weights;
  std::vector<Layer> layers;
  std::vector<std::size_t> penalized;
};

using Numbers = std::map<std::string, std::vector<double>>;

Var itself(const Var& loss) {
  return loss;
}

template <class Optimizer>
Numbers trained(std::uint64_t seed, const Optimizer& settings, const Communicator& ranks,
                const std::vector<std::int64_t>& begins) {
  Woven net{Rng{seed}.stream("network")};
  initialize(net, Rng{seed}, DType::f64);
  Optimizer optimizer{settings};
  TrainingStep step{net, optimizer, itself, {.ranks = ranks}};
  Numbers numbers;
  for (std::uint64_t i = 0; i < 3; ++i) {
    const Tensor src = random_tensor({begins.back(), width}, DType::f64, 10 * seed + i);
    const auto rank = static_cast<std::size_t>(ranks.rank());
    numbers["losses"].push_back(step(ranks.size() == 1 ? src : rows_of(src, begins[rank], begins[rank + 1])));
  }
  for (const auto& [path, parameter] : parameters(net)) numbers[path] = values(parameter->value());
  return numbers;
}

double difference(const Numbers& one, const Numbers& other) {
  double worst = 0.0;
  for (const auto& [name, numbers] : one)
    for (std::size_t i = 0; i < numbers.size(); ++i)
      worst = std::max(worst, std::abs(numbers[i] - other.at(name)[i]));
  return worst;
}

template <class Optimizer>
void expect_one_process(std::uint64_t seed, const Optimizer& settings) {
  Rng rng = Rng{seed}.stream("rows");
  std::vector<std::int64_t> rows;
  for (std::size_t rank = 0; rank < 2 + rng.below(2); ++rank)
    rows.push_back(static_cast<std::int64_t>(1 + rng.below(4)));
  const auto begins = begins_of(rows);
  const auto expected = trained(seed, settings, {}, begins);
  std::mutex mutex;
  std::vector<Numbers> by_rank(rows.size());
  run_ranks(static_cast<int>(rows.size()), [&](const Communicator& ranks) {
    auto numbers = trained(seed, settings, ranks, begins);
    const std::lock_guard lock{mutex};
    by_rank[static_cast<std::size_t>(ranks.rank())] = std::move(numbers);
  });
  for (const auto& numbers : by_rank) {
    const double off = difference(expected, numbers);
    BOOST_TEST(off < 1e-10, "seed " << seed << ": off by " << off);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(random_ranks)

BOOST_AUTO_TEST_CASE(shared_and_penalized_weights_train_as_in_one_process) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    expect_one_process(seed, Sgd{{.learning_rate = 0.1, .momentum = 0.9}});
    expect_one_process(seed, Sgd{{.learning_rate = 0.1}});
    expect_one_process(seed, Sgd{{.learning_rate = 0.1, .momentum = 0.9, .clip_norm = 0.05}});
  }
}

BOOST_AUTO_TEST_SUITE_END()
