#include "generator.hpp"

#include "keel/runtime/error.hpp"

namespace keel::differential {
namespace {

ValueKind draw_kind(Rng& rng) {
  const auto draw = rng.below(100);
  if (draw < 50) return ValueKind::normal;
  if (draw < 52) return ValueKind::with_nan;
  if (draw < 54) return ValueKind::with_infinity;
  constexpr auto offset = static_cast<std::uint64_t>(ValueKind::positive);
  constexpr auto kinds = static_cast<std::uint64_t>(ValueKind::near_one) + 1 - offset;
  return static_cast<ValueKind>(offset + rng.below(kinds));
}

// Operators one behind the other, each on what the last gave or on something before it.
void add_chain(Draft& draft) {
  const auto length = draft.chance(40) ? 1 : 1 + draft.below(6);
  auto source = draft.input(
      draft.shape(static_cast<std::size_t>(draft.chance(10) ? draft.below(7) : 1 + draft.below(4))));
  for (std::int64_t i = 0; i < length; ++i) {
    try {
      const auto result = add_operator(draft, draft.one_of(operator_names()), source);
      source = draft.chance(85) ? result : source;
    } catch (const Error&) {  // operands that it does not take
    }
  }
}

void choose_update(Draft& draft, Case& description) {
  if (!description.gradients || !draft.builder.has_parameters() || !draft.chance(40)) return;
  description.update.name = draft.one_of<std::string>({"sgd", "sgd", "nesterov", "adam"});
  description.update.momentum = draft.one_of<double>({0.0, 0.9, 0.9, 0.5});
  description.update.weight_decay = draft.one_of<double>({0.0, 0.0, 0.01});
  description.update.max_norm = draft.one_of<double>({0.0, 0.0, 1.0, 1000.0});
}

}  // namespace

Case generate(std::uint64_t seed, std::uint64_t index) {
  Rng rng = Rng{seed}.stream("differential case", index);
  for (;;) {
    Builder builder;
    Draft draft{builder, rng, draw_kind(rng)};
    try {
      if (draft.chance(30)) {
        add_pattern(draft);
      } else {
        add_chain(draft);
      }
    } catch (const Error&) {
      continue;
    }
    if (builder.steps() == 0) continue;
    Case result = builder.finish(rng.below(1'000'000));
    result.gradients = draft.chance(85);
    choose_update(draft, result);
    result.fused = draft.chance(75);
    result.threads = draft.chance(30) ? 2 : 1;
    return result;
  }
}

}  // namespace keel::differential
