#include "keel/tools/system/turns.hpp"

#include <algorithm>
#include <chrono>

namespace keel::tools {

double microseconds(const std::function<void()>& function, int calls) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (int i = 0; i < calls; ++i) function();
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / calls;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

std::vector<std::vector<double>> time_in_turns(std::span<const std::function<void()>> contenders,
                                               int rounds) {
  constexpr double sample_us = 4000.0;
  constexpr int most_calls = 1000;
  std::vector<int> calls;
  for (const auto& contender : contenders) {
    microseconds(contender, 3);
    calls.push_back(std::clamp(static_cast<int>(sample_us / microseconds(contender, 5)), 1, most_calls));
  }
  std::vector<std::vector<double>> samples(contenders.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < contenders.size(); ++turn) {
      const auto i = (turn + static_cast<std::size_t>(round)) % contenders.size();
      microseconds(contenders[i], 2);  // that find the caches full of the others' arrays
      samples[i].push_back(microseconds(contenders[i], calls[i]));
    }
  }
  return samples;
}

double median_ratio(std::span<const double> numerators, std::span<const double> denominators) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < numerators.size(); ++i) ratios.push_back(numerators[i] / denominators[i]);
  return median(std::move(ratios));
}

}  // namespace keel::tools
