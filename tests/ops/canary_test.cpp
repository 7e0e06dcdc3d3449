// Every kernel of every operator on memory with a canary around it: see guarded_run.hpp. tests/meson.build runs
// this suite under each of oneDNN's instruction sets as well.

#include <boost/test/unit_test.hpp>
#include <set>

#include "../support/guarded_run.hpp"
#include "../support/ops_support.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/keel.hpp"
#include "keel/runtime/rng.hpp"

namespace {

using namespace keel;
using test::random_tensor;

using Vars = std::span<const Var>;

// What all the cases have in common: made up from one stream of random numbers, checked, and counted.
class Canary {
 public:
  // A number from `lowest` to `highest`.
  std::int64_t between(std::int64_t lowest, std::int64_t highest) {
    return lowest + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(highest - lowest + 1)));
  }
  // About the widths of vectors and blocks.
  std::int64_t channels() {
    const auto choice = between(1, 23);
    return choice <= 20 ? choice : choice + 10;
  }
  Shape images() { return {between(1, 5), channels(), between(3, 9), between(3, 9)}; }

  // Checks all kernels of `function` and its derivative for random inputs of `shapes`, every second time with
  // fusion rules, and likewise on one thread or two.
  void check(const std::vector<Shape>& shapes, const test::Function& function) {
    Tape tape;
    std::vector<Var> vars;
    for (const auto& shape : shapes) vars.push_back(tape.stored(random_tensor(shape, vars.size() + 1)));
    auto results = function(vars);
    const Var upstream = tape.stored(random_tensor(results[0].shape(), 77));
    const auto grads = gradients(std::span{results}.first(1), std::span{&upstream, 1}, vars);
    for (const auto& grad : grads)
      if (grad.defined()) results.push_back(grad);
    check(tape, results);
  }

  void check(const Tape& tape, std::span<const Var> results) {
    const bool fused = between(0, 1) == 1;
    const auto rules = fused ? fusion_rules() : std::span<const FusionRule>{};
    const Plan plan{tape, results, {.rules = rules}};
    for (const auto& node : plan.program().nodes) operators_.emplace(node.op->name());
    for (const auto& fault : test::faults_of_kernels(plan.program(), static_cast<int>(between(1, 2))))
      BOOST_ERROR(fault);
  }

  [[nodiscard]] const std::set<std::string>& operators() const { return operators_; }

 private:
  Rng rng_{1};
  std::set<std::string> operators_;
};

// The same images with their channels last, where a kernel takes them so.
Var channels_last(const Var& images) {
  return max_pool2d(images, {1});
}

void convolutions(Canary& canary) {
  for (std::int64_t channels = 1; channels <= 33; ++channels) {
    if (channels > 20 && channels < 31) continue;
    for (std::int64_t kernel = 1; kernel <= 3; ++kernel) {
      for (std::int64_t stride = 1; stride <= 3; ++stride) {
        const Conv2dOptions options{.stride = stride, .padding = canary.between(0, 2)};
        const auto outputs = canary.channels();
        canary.check({{canary.between(1, 5), channels, canary.between(3, 9), canary.between(3, 9)},
                      {outputs, channels, kernel, kernel},
                      {outputs}},
                     [&](Vars v) { return std::vector{relu(conv2d(v[0], v[1], v[2], options))}; });
      }
    }
  }
}

// Of kernels of one pixel that skip some: oneDNN gathers what they see in scratch memory.
void strided_points(Canary& canary) {
  for (std::int64_t channels = 1; channels <= 33; ++channels) {
    if (channels > 20 && channels < 31) continue;
    for (int i = 0; i < 4; ++i) {
      const Conv2dOptions options{.stride = {canary.between(1, 3), canary.between(2, 3)}};
      const auto outputs = canary.channels();
      canary.check({{canary.between(1, 5), channels, canary.between(8, 33), canary.between(8, 33)},
                    {outputs, channels, 1, 1},
                    {outputs}},
                   [&](Vars v) { return std::vector{relu(conv2d(v[0], v[1], v[2], options))}; });
    }
  }
}

void larger_convolutions(Canary& canary) {
  for (int i = 0; i < 100; ++i) {
    const Conv2dOptions options{.stride = {canary.between(1, 3), canary.between(1, 3)},
                                .padding = {canary.between(0, 2), canary.between(0, 2)}};
    const auto channels = canary.channels();
    canary.check({{canary.between(1, 5), channels, canary.between(10, 33), canary.between(10, 33)},
                  {canary.channels(), channels, canary.between(1, 3), canary.between(1, 3)}},
                 [&](Vars v) { return std::vector{conv2d(v[0], v[1], {}, options)}; });
  }
}

void pooling(Canary& canary) {
  for (int i = 0; i < 60; ++i) {
    const Size2d kernel{canary.between(1, 3), canary.between(1, 3)};
    const Pool2dOptions options{
        .kernel = kernel,
        .stride = {canary.between(1, 3), canary.between(1, 3)},
        .padding = {canary.between(0, kernel.height / 2), canary.between(0, kernel.width / 2)}};
    canary.check({canary.images()}, [&](Vars v) { return std::vector{max_pool2d(v[0], options)}; });
    canary.check({canary.images()}, [&](Vars v) { return std::vector{average_pool2d(v[0], options)}; });
  }
}

void normalization(Canary& canary) {
  for (int i = 0; i < 40; ++i) {
    const auto images = canary.images();
    const Shape features{images[1]};
    const Shape last{images[3]};
    const Shape matrix{images[0] + 1, images[1]};
    for (const auto& shape : {images, matrix}) {
      canary.check({shape, features, features},
                   [](Vars v) { return std::vector{relu(batch_norm_training(v[0], v[1], v[2]).dst)}; });
    }
    canary.check({images, features, features}, [](Vars v) {
      return std::vector{relu(batch_norm_training(channels_last(v[0]), v[1], v[2]).dst)};
    });
    canary.check({images, features, features}, [](Vars v) {
      const Var zeros = v[1].tape().stored(Tensor{v[1].shape()});
      return std::vector{relu(batch_norm_inference(channels_last(v[0]), v[1], v[2], zeros, zeros))};
    });
    canary.check({images, last, last}, [](Vars v) { return std::vector{layer_norm(v[0], v[1], v[2])}; });
  }
}

void elementwise(Canary& canary) {
  for (int i = 0; i < 30; ++i) {
    const auto images = canary.images();
    const auto with = [&](const test::Function& function) {
      canary.check({images, {images[1], 1, 1}}, [&](Vars v) { return function(v); });
      canary.check({images, {images[1], 1, 1}}, [&](Vars v) {
        return function(std::array{channels_last(v[0]), v[1]});
      });
    };
    with([](Vars v) { return std::vector{(v[0] + v[1]) * v[0] - v[1] / exp(v[0])}; });
    with([](Vars v) { return std::vector{maximum(v[0], v[1]) + 2.0 * -v[0]}; });
    with([](Vars v) { return std::vector{log(sqrt(square(v[0]))) + leaky_relu(v[0])}; });
    with([](Vars v) { return std::vector{sigmoid(tanh(gelu(v[0])))}; });
    with([](Vars v) { return std::vector{relu(v[0]) + v[0]}; });
    with([](Vars v) { return std::vector{where(greater(v[0], v[1]), minimum(v[0], v[1]), pow(v[0], 3))}; });
    with([](Vars v) { return std::vector{erf(expm1(v[0])) + softplus(silu(v[0])) * log1p(abs(v[0]))}; });
    with([](Vars v) { return std::vector{sin(v[0]) * cos(1e9 * v[0]) + clamp(v[0], -1, 1) + round(v[0])}; });
  }
}

void reductions(Canary& canary) {
  for (int i = 0; i < 30; ++i) {
    const auto images = canary.images();
    for (const auto& axes : {Axes{}, Axes{0}, Axes{1}, Axes{3}, Axes{2, 3}, Axes{0, 2, 3}}) {
      canary.check({images}, [&](Vars v) { return std::vector{sum(v[0], axes)}; });
      canary.check({images}, [&](Vars v) { return std::vector{mean(channels_last(v[0]), axes)}; });
      canary.check({images}, [&](Vars v) { return std::vector{max(v[0], axes), argmax(v[0], 1)}; });
      canary.check({images}, [&](Vars v) { return std::vector{prod(v[0], axes), log_sum_exp(v[0], axes)}; });
    }
    for (const int axis : {1, 3}) {
      canary.check({images},
                   [&](Vars v) { return std::vector{softmax(v[0], axis) + log_softmax(v[0], axis)}; });
    }
  }
}

void shapes(Canary& canary) {
  for (int i = 0; i < 30; ++i) {
    const auto images = canary.images();
    canary.check({images}, [](Vars v) {
      return std::vector{concatenate({v[0], transpose(v[0], {0, 1, 2, 3})}, 1)};
    });
    canary.check({images}, [](Vars v) { return std::vector{transpose(v[0], {0, 2, 3, 1})}; });
    canary.check({images}, [](Vars v) { return std::vector{flatten(slice(channels_last(v[0]), 2, 1, 3))}; });
    canary.check({images}, [](Vars v) { return std::vector{reshape(v[0], {-1, v[0].shape()[3]})}; });
    canary.check({{images[3]}}, [&](Vars v) { return std::vector{broadcast_to(v[0], images)}; });
    for (const std::int64_t axis : {0, 1, 3}) {
      const auto named = [axis](const Var& v, const Shape& shape) {
        return v.tape().stored(
            test::random_labels(shape.elements(), v.shape()[static_cast<std::size_t>(axis)]));
      };
      canary.check({images}, [&](Vars v) { return std::vector{cumsum(v[0], axis)}; });
      canary.check({images}, [&](Vars v) { return std::vector{slice(v[0], axis, {.step = -2})}; });
      canary.check({images}, [&](Vars v) { return std::vector{take(v[0], named(v[0], Shape{7}), axis)}; });
      canary.check({images}, [&](Vars v) {
        const Var places = reshape(named(v[0], images), {images[0], images[1], images[2], images[3]});
        return std::vector{gather(v[0], places, axis) + scatter_add(v[0], places, v[0], axis)};
      });
    }
    canary.check({images}, [](Vars v) { return std::vector{tril(pad(v[0], {{1, 2}, {0, 1}}))}; });
  }
}

void products(Canary& canary) {
  for (int i = 0; i < 40; ++i) {
    const auto rows = canary.channels();
    const auto inner = canary.channels();
    const auto columns = canary.channels();
    const auto batch = canary.between(1, 3);
    for (const bool src : {false, true}) {
      for (const bool weights : {false, true}) {
        const Shape a = src ? Shape{batch, inner, rows} : Shape{batch, rows, inner};
        const Shape b = weights ? Shape{columns, inner} : Shape{inner, columns};
        canary.check({a, b}, [&](Vars v) { return std::vector{matmul(v[0], v[1], {src, weights})}; });
      }
    }
    canary.check({{rows, inner}, {columns, inner}, {columns}},
                 [](Vars v) { return std::vector{relu(linear(v[0], v[1], v[2]))}; });
    canary.check({{batch, rows, inner}, {batch, inner, columns}},
                 [](Vars v) { return std::vector{matmul(v[0], v[1])}; });
  }
}

// A step of training, with everything that mutates.
template <class Optimizer>
void training(Canary& canary, Optimizer optimizer) {
  const auto rows = canary.between(2, 20);
  const auto inner = canary.channels();
  const auto classes = canary.channels();
  Tape tape;
  const Var src = tape.stored(random_tensor({rows, inner}, 1));
  const std::vector parameters{
      tape.stored(random_tensor({inner, inner}, 2)), tape.stored(random_tensor({inner}, 3)),
      tape.stored(random_tensor({classes, inner}, 4)), tape.stored(random_tensor({classes}, 5))};
  const auto statistic = [&] { return tape.stored(Tensor{{inner}}); };
  const Var stream = tape.stored(Tensor::of<std::int32_t>({4}, {1, 2, 3, 4}));
  const auto dropped = dropout(relu(linear(src, parameters[0], parameters[1])), 0.5, stream);
  const auto normal = batch_norm_training(dropped, statistic(), statistic());
  update_running_statistics(statistic(), statistic(), tape.stored(Tensor{Shape{}}), normal.mean,
                            normal.variance, 0.1, rows);
  const Var logits = linear(dropped + normal.dst, parameters[2], parameters[3]);
  const Var loss = cross_entropy(logits, tape.stored(test::random_labels(rows, classes))) +
                   mse(logits, tape.stored(random_tensor({rows, classes}, 6)));
  const auto gradient = gradients(loss, parameters);
  optimizer.update(parameters, gradient);
  canary.check(tape, std::array{loss});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(canary_test)

BOOST_AUTO_TEST_CASE(no_kernel_writes_beside_its_memory_or_leaves_a_part_of_it_unwritten) {
  Canary canary;
  convolutions(canary);
  strided_points(canary);
  larger_convolutions(canary);
  pooling(canary);
  normalization(canary);
  elementwise(canary);
  reductions(canary);
  shapes(canary);
  products(canary);
  for (int i = 0; i < 30; ++i) {
    training(canary, Sgd{{.learning_rate = 0.1, .momentum = 0.9}});
    training(canary, Sgd{{.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true}});
    training(canary, Adam{{.learning_rate = 0.1, .weight_decay = 0.1, .clip_norm = 1.0}});
  }
  for (const auto& name : canary.operators()) BOOST_TEST_MESSAGE(name);
}

BOOST_AUTO_TEST_SUITE_END()
