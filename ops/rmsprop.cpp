#include "keel/ops/rmsprop.hpp"

#include "keel/ops/one_moment_update.hpp"
#include "keel/ops/vector_loops.hpp"

namespace keel {
namespace {

struct RmspropRule : RmspropSettings {
  static constexpr std::string_view name = "rmsprop_update";

  template <class T>
  bool sweep(const Stretch<T, 3>& stretch, double learning_rate) const {
    const auto& [parameter, square, grad] = stretch.data;
    return loops::rmsprop_sweep(parameter, square, grad, stretch.count,
                                {.learning_rate = static_cast<T>(learning_rate),
                                 .alpha = static_cast<T>(alpha),
                                 .square_weight = static_cast<T>(1.0 - alpha),
                                 .epsilon = static_cast<T>(epsilon),
                                 .weight_decay = static_cast<T>(stretch.weight_decay)});
  }
};

}  // namespace

void rmsprop_update(std::span<const Var> parameters, std::span<const Var> squares, std::span<const Var> grads,
                    const Var& learning_rate, const RmspropSettings& settings, const SourceLocation& where) {
  record_one_moment_update(RmspropRule{settings}, parameters, squares, grads, learning_rate, where);
}

}  // namespace keel
