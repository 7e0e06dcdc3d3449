#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "keel/runtime/slot.hpp"
#include "keel/runtime/threads.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

// What the operators of the optimizers share: their sweeps run over all parameters that lie side by side.

/// A parameter and the arrays that belong to it, element by element: its moments, its gradient. Or several
/// that lie side by side in memory, each array of one behind that of another.
template <class T, std::size_t arrays>
struct Stretch {
  std::array<T*, arrays> data{};  ///< null for an array that is not there
  std::int64_t count = 0;
  double weight_decay = 0.0;
  double step = 0.0;  ///< how many there have been, where the update depends on it

  /// Whether `next` begins where this stretch ends, decays alike and is as many steps old; then this one takes
  /// it in.
  bool absorb(const Stretch& next) {
    if (next.weight_decay != weight_decay || next.step != step) return false;
    for (std::size_t k = 0; k < arrays; ++k) {
      const T* end = data[k] == nullptr ? nullptr : data[k] + count;
      if (next.data[k] != end) return false;
    }
    count += next.count;
    return true;
  }

  [[nodiscard]] Stretch part(std::int64_t begin, std::int64_t length) const {
    Stretch result = *this;
    for (auto& array : result.data) array = array == nullptr ? nullptr : array + begin;
    result.count = length;
    return result;
  }
};

/// Where the arrays of one parameter are found at each run.
template <class T, std::size_t arrays>
struct StretchSlots {
  std::array<std::optional<SlotView<T>>, arrays> slots;
  std::int64_t count = 0;
  double weight_decay = 0.0;
  std::optional<SlotView<double>> step = {};

  [[nodiscard]] Stretch<T, arrays> stretch() const {
    Stretch<T, arrays> result{
        .data = {}, .count = count, .weight_decay = weight_decay, .step = step ? *step->get() : 0.0};
    for (std::size_t k = 0; k < arrays; ++k) result.data[k] = slots[k] ? slots[k]->get() : nullptr;
    return result;
  }
};

/// Deals a stretch out to the threads; whether `update(part)` is true of every part. A thread gets whole
/// cache lines, and of a matrix as much as oneDNN deals out of a product's rows: so it finds in its own
/// cache what it wrote there just before.
template <class T, std::size_t arrays, class Update>
bool update_in_parts(const Stretch<T, arrays>& stretch, const Update& update) {
  constexpr std::int64_t line = 16;  // of floats
  constexpr std::int64_t lines_per_thread = 1024;
  std::atomic<bool> finite = true;
  const auto lines = (stretch.count + line - 1) / line;
  parallel_for(lines, lines_per_thread, [&](std::int64_t first, std::int64_t last) {
    const auto begin = first * line;
    const auto length = std::min(last * line, stretch.count) - begin;
    if (!update(stretch.part(begin, length))) finite.store(false, std::memory_order_relaxed);
  });
  return finite;
}

/// Of all elements of one array of every parameter.
struct Magnitudes {
  bool all_finite = true;
  double largest = 0.0;  ///< of those that are finite
};

/// Array `k` of every parameter that has one: what an update says of itself when it failed.
template <class T, std::size_t arrays>
Magnitudes magnitudes_of(const std::vector<StretchSlots<T, arrays>>& parameters, std::size_t k) {
  Magnitudes result;
  for (const auto& parameter : parameters) {
    const auto stretch = parameter.stretch();
    for (std::int64_t i = 0; stretch.data[k] != nullptr && i < stretch.count; ++i) {
      const auto element = std::abs(static_cast<double>(stretch.data[k][i]));
      if (std::isfinite(element))
        result.largest = std::max(result.largest, element);
      else
        result.all_finite = false;
    }
  }
  return result;
}

/// Throws NonFiniteError, saying why, where a gradient is not finite, or the learning rate is too large for an
/// element type whose largest number is `most`.
void require_finite_inputs(const Magnitudes& grads, double learning_rate, double most);

/// Updates all parameters in as few stretches as they lie in. `update(stretch)` says whether what it saw was
/// finite; calls `fail`, which throws, once all are updated, when something was not.
template <class T, std::size_t arrays, class Update, class Fail>
void update_stretches(const std::vector<StretchSlots<T, arrays>>& parameters, const Update& update,
                      const Fail& fail) {
  bool finite = true;
  Stretch<T, arrays> stretch;
  for (const auto& parameter : parameters) {
    const auto next = parameter.stretch();
    if (stretch.count > 0 && stretch.absorb(next)) continue;
    finite = update_in_parts(stretch, update) && finite;
    stretch = next;
  }
  finite = update_in_parts(stretch, update) && finite;
  if (!finite) fail();
}

/// The indices begin, begin + 1, ..., end - 1: a group of an operator's inputs.
std::vector<std::size_t> input_range(std::size_t begin, std::size_t end);

}  // namespace keel

#pragma GCC visibility pop
