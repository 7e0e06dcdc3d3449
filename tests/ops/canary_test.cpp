// Every kernel of every operator on memory with a canary around it: see guarded_run.hpp. tests/meson.build runs
// this suite under each of oneDNN's instruction sets as well.

#include <boost/test/unit_test.hpp>

#include "canary.hpp"

namespace {

using namespace keel;
using test::Canary;
using test::channels_last;
using test::random_tensor;
using test::Vars;

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
    canary.check({images, last}, [](Vars v) { return std::vector{rms_norm(v[0], v[1])}; });
    canary.check({images, features, features}, [](Vars v) {
      return std::vector{instance_norm(channels_last(v[0]), v[1], v[2]) + group_norm(v[0], 1, v[1], v[2])};
    });
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

void losses(Canary& canary) {
  for (int i = 0; i < 20; ++i) {
    const auto rows = canary.channels();
    const auto classes = canary.channels();
    const Shape shape{rows, classes};
    canary.check({shape, shape}, [](Vars v) {
      return std::vector{l1(v[0], v[1]) + huber(v[0], v[1]) + binary_cross_entropy_with_logits(v[0], v[1])};
    });
    const std::vector weights(static_cast<std::size_t>(classes), 0.5);
    canary.check({shape, shape}, [&](Vars v) {
      return std::vector{binary_cross_entropy_with_logits(v[0], v[1], {.positive_weights = weights})};
    });
    canary.check({shape}, [&](Vars v) {
      const Var labels = v[0].tape().stored(test::random_labels(rows, classes));
      return std::vector{cross_entropy(v[0], labels, {.ignore_index = 0}) +
                         cross_entropy(v[0], labels, {.class_weights = weights, .label_smoothing = 0.1})};
    });
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
  normalization(canary);
  elementwise(canary);
  reductions(canary);
  shapes(canary);
  products(canary);
  losses(canary);
  for (int i = 0; i < 30; ++i) {
    training(canary, Sgd{{.learning_rate = 0.1, .momentum = 0.9}});
    training(canary, Sgd{{.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true}});
    training(canary, Adam{{.learning_rate = 0.1, .weight_decay = 0.1, .clip_norm = 1.0}});
  }
  for (const auto& name : canary.operators()) BOOST_TEST_MESSAGE(name);
}

BOOST_AUTO_TEST_SUITE_END()
