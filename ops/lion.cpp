#include "keel/ops/lion.hpp"

#include "keel/ops/one_moment_update.hpp"
#include "keel/ops/vector_loops.hpp"

namespace keel {
namespace {

struct LionRule : LionSettings {
  static constexpr std::string_view name = "lion_update";

  template <class T>
  bool sweep(const Stretch<T, 3>& stretch, double learning_rate) const {
    const auto& [parameter, mean, grad] = stretch.data;
    return loops::lion_sweep(parameter, mean, grad, stretch.count,
                             {.shrinkage = static_cast<T>(1.0 - learning_rate * stretch.weight_decay),
                              .learning_rate = static_cast<T>(learning_rate),
                              .beta1 = static_cast<T>(beta1),
                              .direction_weight = static_cast<T>(1.0 - beta1),
                              .beta2 = static_cast<T>(beta2),
                              .grad_weight = static_cast<T>(1.0 - beta2)});
  }
};

}  // namespace

void lion_update(std::span<const Var> parameters, std::span<const Var> means, std::span<const Var> grads,
                 const Var& learning_rate, const LionSettings& settings, const SourceLocation& where) {
  record_one_moment_update(LionRule{settings}, parameters, means, grads, learning_rate, where);
}

}  // namespace keel
