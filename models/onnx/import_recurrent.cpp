// Recurrent networks, step by step.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "keel/models/onnx/call.hpp"
#include "keel/ops/concatenate.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/ops/matmul.hpp"
#include "keel/ops/reduce.hpp"
#include "keel/ops/reshape.hpp"
#include "keel/ops/slice.hpp"
#include "keel/ops/transpose.hpp"

namespace keel::onnx {
namespace {

// One direction's weights, and what it carries from step to step.
struct Cell {
  std::int64_t hidden;
  Var weights;    // (gates * hidden, inputs)
  Var recurrent;  // (gates * hidden, hidden)
  Var bias;       // (gates * hidden), of the inputs, or undefined
  Var recurrent_bias;
  Var peepholes;  // (3 * hidden) or undefined
  bool linear_before_reset = false;
  SourceLocation where;

  // The `gate`-th part of some gates side by side.
  [[nodiscard]] Term part(const Var& gates, std::int64_t gate) const {
    return {slice(gates, static_cast<std::int64_t>(gates.shape().rank()) - 1, gate * hidden,
                  (gate + 1) * hidden, where),
            where};
  }
  [[nodiscard]] Term of_input(const Var& x) const { return {linear(x, weights, bias, where), where}; }
  [[nodiscard]] Term of_state(const Term& h) const {
    return {linear(h.var, recurrent, recurrent_bias, where), where};
  }
};

struct State {
  Term h;
  Term c;  // of an LSTM
};

Term tanh_of(const Term& x) {
  return {tanh(x.var, x.where), x.where};
}

State rnn_step(const Cell& cell, const Var& x, const State& state) {
  return {tanh_of(cell.of_input(x) + cell.of_state(state.h)), state.c};
}

State gru_step(const Cell& cell, const Var& x, const State& state) {
  const auto input = cell.of_input(x).var;
  const auto before = cell.of_state(state.h).var;
  const Term update = sigmoid(cell.part(input, 0) + cell.part(before, 0));
  const Term reset = sigmoid(cell.part(input, 1) + cell.part(before, 1));
  Term of_state = reset * cell.part(before, 2);
  if (!cell.linear_before_reset) of_state = cell.part(cell.of_state(reset * state.h).var, 2);
  const Term candidate = tanh_of(cell.part(input, 2) + of_state);
  return {(1.0 - update) * candidate + update * state.h, state.c};
}

State lstm_step(const Cell& cell, const Var& x, const State& state) {
  const auto gates = (cell.of_input(x) + cell.of_state(state.h)).var;
  const auto seen = [&](std::int64_t gate, std::int64_t peephole, const Term& c) {
    const Term value = cell.part(gates, gate);
    return cell.peepholes.defined() ? value + cell.part(cell.peepholes, peephole) * c : value;
  };
  const Term input = sigmoid(seen(0, 0, state.c));
  const Term forget = sigmoid(seen(2, 2, state.c));
  const Term c = forget * state.c + input * tanh_of(cell.part(gates, 3));
  return {sigmoid(seen(1, 1, c)) * tanh_of(c), c};
}

using Step = State (*)(const Cell& cell, const Var& x, const State& state);

// Row `i` of an input, if it is there.
Var direction_of(const Call& call, std::size_t input, std::int64_t i) {
  if (!call.has(input)) return {};
  return squeeze(slice(call.real(input), 0, i, i + 1, call.where()), {0}, call.where());
}

// The state before the first step, in files with samples first too.
Term start_of(const Call& call, std::size_t input, std::int64_t direction, const Shape& shape,
              bool samples_first) {
  const auto& where = call.where();
  if (!call.has(input))
    return {broadcast_to(call.tape().constant(0.0, call.real(0).dtype()), shape, where), where};
  const Var all = samples_first ? transpose(call.real(input), {1, 0, 2}, where) : call.real(input);
  return {squeeze(slice(all, 0, direction, direction + 1, where), {0}, where), where};
}

Cell cell_of(const Call& call, std::int64_t direction, std::int64_t gates, std::int64_t hidden) {
  Cell cell{.hidden = hidden,
            .weights = direction_of(call, 1, direction),
            .recurrent = direction_of(call, 2, direction),
            .bias = {},
            .recurrent_bias = {},
            .peepholes = direction_of(call, 7, direction),
            .linear_before_reset = call.flag("linear_before_reset"),
            .where = call.where()};
  const Var biases = direction_of(call, 3, direction);
  if (!biases.defined()) return cell;
  cell.bias = slice(biases, 0, 0, gates * hidden, call.where());
  cell.recurrent_bias = slice(biases, 0, gates * hidden, 2 * gates * hidden, call.where());
  return cell;
}

void require_plain(const Call& call, std::int64_t steps) {
  if (call.is_set("clip") || call.is_set("activations") || call.flag("input_forget"))
    call.refuse("keel has recurrent networks with the usual activations alone, and without clipping");
  if (!call.has(4)) return;
  const auto lengths = call.known_integers(4);
  if (std::ranges::any_of(lengths, [&](auto length) { return length != steps; }))
    call.refuse("keel has no sequences of different lengths in one batch");
}

void recurrent(Call& call, Step step, std::int64_t gates) {
  const auto& where = call.where();
  const bool samples_first = call.flag("layout");
  const Var src = samples_first ? transpose(call.real(0), {1, 0, 2}, where) : call.real(0);
  const auto shape = src.shape();
  const auto name = call.text("direction", "forward");
  constexpr std::int64_t longest = 4096;
  if (shape.rank() != 3 || call.rank(1) != 3 || call.rank(2) != 3)
    call.fail("its first three inputs have three axes");
  if (shape[0] < 1 || shape[0] > longest)
    call.refuse(fmt::format("keel takes 1 to {} steps, not {}", longest, shape[0]));
  require_plain(call, shape[0]);
  const auto hidden = call.integer("hidden_size", call.extents(2)[2]);
  const std::int64_t directions = name == "bidirectional" ? 2 : 1;
  if (hidden < 1 || hidden != call.extents(2)[2] || call.extents(1)[0] != directions ||
      call.extents(2)[0] != directions)
    call.fail("its weights do not fit its directions and hidden size");
  std::vector<Var> all, last_h, last_c;
  for (std::int64_t direction = 0; direction < directions; ++direction) {
    const auto cell = cell_of(call, direction, gates, hidden);
    const bool backward = name == "reverse" || direction == 1;
    State state{start_of(call, 5, direction, {shape[1], hidden}, samples_first),
                start_of(call, gates == 4 ? 6 : absent, direction, {shape[1], hidden}, samples_first)};
    std::vector<Var> states(static_cast<std::size_t>(shape[0]));
    for (std::int64_t i = 0; i < shape[0]; ++i) {
      const auto at = backward ? shape[0] - 1 - i : i;
      state = step(cell, squeeze(slice(src, 0, at, at + 1, where), {0}, where), state);
      states[static_cast<std::size_t>(at)] = state.h.var;
    }
    all.push_back(stack(states, 0, where));  // (steps, samples, hidden)
    last_h.push_back(state.h.var);
    last_c.push_back(state.c.var);
  }
  const auto give = [&](std::size_t output, const Var& var, const Axes& permutation) {
    call.give(output, samples_first ? transpose(var, permutation, where) : var, call.element(0));
  };
  give(0, stack(all, 1, where), {2, 0, 1, 3});
  give(1, stack(last_h, 0, where), {1, 0, 2});
  if (gates == 4) give(2, stack(last_c, 0, where), {1, 0, 2});
}

void rnn(Call& call) {
  recurrent(call, rnn_step, 1);
}
void gru(Call& call) {
  recurrent(call, gru_step, 3);
}
void lstm(Call& call) {
  recurrent(call, lstm_step, 4);
}

}  // namespace

std::span<const OperatorEntry> recurrent_operators() {
  static constexpr std::array entries{
      OperatorEntry{"RNN", 3, 6, 2, rnn},
      OperatorEntry{"GRU", 3, 6, 2, gru},
      OperatorEntry{"LSTM", 3, 8, 3, lstm},
  };
  return entries;
}

}  // namespace keel::onnx
