#pragma once

// What the examples on images share: they read data as `keel compare --data` does, train and test.

#include <fmt/format.h>

#include <keel/keel.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "keel/tools/data/batches.hpp"
#include "keel/tools/data/data_set.hpp"

namespace keel::examples {

/// The examples' command line: [DATA [EPOCHS]].
struct Arguments {
  std::string data = "digits";
  int epochs = 3;

  Arguments(int argc, char** argv) {
    if (argc > 1) data = argv[1];
    if (argc > 2) epochs = std::stoi(argv[2]);
  }
};

/// Hands the images named by `indices` to `use`, batch by batch.
void for_each_batch(const tools::ImageSet& set, std::span<const std::int32_t> indices,
                    std::int64_t batch_size, auto&& use) {
  tools::BatchGatherer batch{set, batch_size};
  const auto size = static_cast<std::size_t>(batch_size);
  for (std::size_t begin = 0; begin < indices.size(); begin += size) {
    batch.gather(indices.subspan(begin, std::min(size, indices.size() - begin)));
    use(batch.images(), batch.labels());
  }
}

/// The share of images of a set whose highest logit is that of their label.
template <class Model>
double accuracy(Model& model, const tools::ImageSet& set) {
  const auto most_likely = [&](const Var& images) { return argmax(model(images), -1); };
  Inference predict{most_likely};
  std::int64_t correct = 0;
  for_each_batch(set, tools::all_of(set), 1000, [&](const Tensor& images, const Tensor& labels) {
    const Tensor& classes = predict(images);
    const auto predicted = classes.data<std::int32_t>();
    const auto expected = labels.data<std::int32_t>();
    correct += std::inner_product(predicted.begin(), predicted.end(), expected.begin(), std::int64_t{0},
                                  std::plus<>{}, std::equal_to<>{});
  });
  return static_cast<double>(correct) / static_cast<double>(set.size());
}

/// Trains a classifier of images (N, pixels) and prints its test accuracy after every epoch.
template <class Model, class Optimizer>
void train(Model& model, Optimizer& optimizer, const Arguments& arguments, std::int64_t batch_size,
           const Schedule& schedule_by_epoch) {
  const auto data = tools::load_data_set(arguments.data);
  const Rng rng{1};
  initialize(model, rng.stream("weights"));
  TrainingStep step{model, optimizer, cross_entropy};
  for (int epoch = 1; epoch <= arguments.epochs; ++epoch) {
    optimizer.set_learning_rate(schedule_by_epoch(epoch - 1));
    auto order = tools::all_of(data.train);
    rng.stream("order", static_cast<std::uint64_t>(epoch)).shuffle(std::span{order});
    double sum = 0.0;
    for_each_batch(data.train, order, batch_size, [&](const Tensor& images, const Tensor& labels) {
      sum += step(images, labels) * static_cast<double>(labels.shape()[0]);
    });
    fmt::print("epoch {}: training loss {:.4f}, test accuracy {:.2f} %\n", epoch,
               sum / static_cast<double>(order.size()), 100 * accuracy(model, data.test));
    std::fflush(stdout);
  }
}

}  // namespace keel::examples
