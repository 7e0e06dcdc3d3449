#include "keel/tools/runs/equal_fit.hpp"

#include <algorithm>
#include <cmath>

#include "keel/tools/runs/arms.hpp"

namespace keel::tools {

double test_loss_at(const RunResult& run, double level) {
  const auto train = series(run, "train_loss");
  const auto test = series(run, "test_loss");
  for (std::size_t i = 0; i < train.size(); ++i) {
    if (!(train[i] <= level)) continue;
    if (i == 0) return test[0];
    const double share = std::log(train[i - 1] / level) / std::log(train[i - 1] / train[i]);
    return test[i - 1] + share * (test[i] - test[i - 1]);
  }
  return std::nan("");
}

double lowest_training_loss(const RunResult& run) {
  const auto train = series(run, "train_loss");
  return train.empty() ? std::nan("") : std::ranges::min(train);
}

}  // namespace keel::tools
