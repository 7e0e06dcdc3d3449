#pragma once

// Networks of all sorts, to be exported and read back.

#include <cmath>
#include <cstdint>

#include "keel/keel.hpp"

namespace keel::test {

struct PlainMlp {
  Linear fc1{12, 8}, fc2{8, 5};
  Var operator()(const Var& x) { return fc2(relu(fc1(x))); }
  void visit(auto&& each) { each("fc1", fc1), each("fc2", fc2); }
};

struct NormalizedMlp {
  Linear fc1{12, 8}, fc2{8, 5};
  BatchNorm bn1{8, {.momentum = 0.2}};
  Dropout dropout{0.5};
  Var operator()(const Var& x) { return fc2(dropout(relu(bn1(fc1(x))))); }
  void visit(auto&& each) { each("fc1", fc1), each("bn1", bn1), each("dropout", dropout), each("fc2", fc2); }
};

struct SmallCnn {
  Conv2d conv1{2, 4, 3, {.padding = 1}}, conv2{4, 6, {3, 2}, {.stride = {2, 1}, .bias = false}};
  BatchNorm bn1{4}, bn2{6};
  Linear fc{6, 5};
  Var operator()(const Var& x) {
    const Var pooled = max_pool2d(relu(bn1(conv1(x))), {.kernel = 2});
    return fc(
        mean(average_pool2d(gelu(bn2(conv2(pooled))), {.kernel = 2, .stride = 1, .padding = 1}), {2, 3}));
  }
  void visit(auto&& each) {
    each("conv1", conv1), each("bn1", bn1), each("conv2", conv2), each("bn2", bn2), each("fc", fc);
  }
};

struct ResidualNet {
  Conv2d stem{2, 4, 3, {.padding = 1}}, first{4, 4, 3, {.padding = 1}}, second{4, 4, 3, {.padding = 1}};
  BatchNorm bn1{4}, bn2{4};
  GroupNorm norm{2, 4};
  InstanceNorm instance{4};
  ConvTranspose2d up{4, 2, 2, {.stride = 2}};
  Linear fc{2 * 16 * 16, 5};
  Var operator()(const Var& x) {
    const Var start = relu(instance(norm(stem(x))));
    const Var block = bn2(second(relu(bn1(first(start)))));
    return fc(flatten(up(relu(start + block))));
  }
  void visit(auto&& each) {
    each("stem", stem), each("norm", norm), each("instance", instance), each("first", first),
        each("bn1", bn1);
    each("second", second), each("bn2", bn2), each("up", up), each("fc", fc);
  }
};

// Attention of tokens (N, L, F), with a causal mask.
struct AttentionBlock {
  LayerNorm norm{6};
  RmsNorm rms{6};
  Linear query{6, 6}, key{6, 6, {.bias = false}}, value{6, 6}, head{6, 5};
  Var operator()(const Var& x) {
    const Var y = norm(x);
    const Var scores = matmul(query(y), key(y), {.weights = true}) * (1 / std::sqrt(6.0));
    const Var ones = broadcast_to(x.tape().constant(1.0, x.dtype()), {4, 4});
    const Var masked = where(tril(ones), scores, -1e9);
    const Var read = matmul(softmax(masked), value(y));
    return head(mean(rms(x + read), {1}));
  }
  void visit(auto&& each) {
    each("norm", norm), each("rms", rms), each("query", query), each("key", key), each("value", value);
    each("head", head);
  }
};

// A gated recurrent unit over 4 steps of 3 numbers.
struct GatedUnit {
  Linear input{3, 12}, state{4, 12}, head{4, 5};
  Var operator()(const Var& sequence) {
    const auto samples = sequence.shape()[0];
    Var h = broadcast_to(sequence.tape().constant(0.0, sequence.dtype()), {samples, 4});
    for (std::int64_t step = 0; step < 4; ++step) {
      const Var x = input(squeeze(slice(sequence, 1, step, step + 1), {1}));
      const Var s = state(h);
      const auto part = [](const Var& of, std::int64_t i) { return slice(of, 1, 4 * i, 4 * i + 4); };
      const Var reset = sigmoid(part(x, 0) + part(s, 0));
      const Var update = sigmoid(part(x, 1) + part(s, 1));
      const Var candidate = tanh(part(x, 2) + reset * part(s, 2));
      h = (1.0 - update) * candidate + update * h;
    }
    return head(h);
  }
  void visit(auto&& each) { each("input", input), each("state", state), each("head", head); }
};

// Whatever else has a counterpart.
struct Medley {
  Linear fc{12, 6}, head{24, 5};
  Var operator()(const Var& x) {
    const Var y = fc(x);
    const Var positive = exp(clamp(y, -2.0, 2.0));
    const Var powers = pow(positive, 1.5) + pow(positive, 0.5 * tanh(y)) + square(sin(y)) - cos(y) * erf(y);
    const Var logs =
        log(positive) + sqrt(positive) + log1p(positive) + softplus(y) + silu(y) + leaky_relu(y, 0.1);
    const Var extremes =
        maximum(y, 0.1 * positive) + minimum(y, 0.3) + abs(y) + sign(y) * floor(y) + ceil(y) + round(y);
    const Var choice =
        where(greater(y, 0.0), powers, logs) * not_equal(y, 0.0) + less_equal(y, 0.5) - equal(y, y);
    const Var sums = cumsum(y, 1, {.exclusive = true}) / (1.0 + sum(abs(y), {1}, true)) + max(y, {-1}, true) -
                     prod(positive, {1}, true);
    const Var turned = transpose(reshape(flip(extremes, {1}), {-1, 2, 3}), {0, 2, 1});
    const Var best = one_hot(argmax(y), 6, x.dtype());
    const Var joined = concatenate(
        {choice, sums, flatten(turned), best + pad(slice(y, 1, 1, 5), {{1, 1}}, {.mode = PadMode::reflect})},
        1);
    return log_softmax(head(0.05 * joined));
  }
  void visit(auto&& each) { each("fc", fc), each("head", head); }
};

}  // namespace keel::test
