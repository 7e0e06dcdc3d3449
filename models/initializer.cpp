#include "keel/models/initializer.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <locale>
#include <sstream>
#include <string>
#include <vector>

#include "keel/runtime/error.hpp"

namespace keel {

Initializer Initializer::uniform(double low, double high) {
  if (std::isfinite(low) && std::isfinite(high) && low <= high) return {Kind::uniform, low, high};
  throw Error{
      fmt::format("a uniform initializer needs finite bounds, the lower one first, not [{}, {})", low, high)};
}

Initializer Initializer::normal(double mean, double deviation) {
  if (std::isfinite(mean) && std::isfinite(deviation) && deviation >= 0.0)
    return {Kind::normal, mean, deviation};
  throw Error{fmt::format(
      "a normal initializer needs a finite mean and a standard deviation of 0 or more, not {} and {}", mean,
      deviation)};
}

Initializer Initializer::fan_in(std::int64_t fan_in) {
  if (fan_in < 1) throw Error{fmt::format("a layer needs at least one input to start from, not {}", fan_in)};
  const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
  return {Kind::uniform, -bound, bound};
}

Initializer Initializer::with_zeros(std::int64_t first, std::int64_t end) const {
  auto result = *this;
  result.zeros_begin_ = first;
  result.zeros_end_ = end;
  return result;
}

double Initializer::sample(Rng& rng, std::int64_t index) const {
  if (is_constant()) return first_;
  const double drawn = kind_ == Kind::normal ? first_ + second_ * rng.normal() : rng.uniform(first_, second_);
  return index >= zeros_begin_ && index < zeros_end_ ? 0.0 : drawn;
}

namespace initializers {
namespace {

void require_positive(Fans fans) {
  if (fans.in >= 1 && fans.out >= 1) return;
  throw Error{fmt::format("a layer needs at least one input and one output to start from, not {} and {}",
                          fans.in, fans.out)};
}

double kaiming_variance(Fans fans) {
  require_positive(fans);
  return 2.0 / static_cast<double>(fans.in);
}

double xavier_variance(Fans fans) {
  require_positive(fans);
  return 2.0 / (static_cast<double>(fans.in) + static_cast<double>(fans.out));
}

Initializer normal_of(double variance) {
  return Initializer::normal(0.0, std::sqrt(variance));
}

// Uniform in +-b has variance b^2 / 3.
Initializer uniform_of(double variance) {
  const double bound = std::sqrt(3.0 * variance);
  return Initializer::uniform(-bound, bound);
}

struct Named {
  std::string_view name;
  InitializerRule (*rule)();
};

// The numbers of "NAME(a, b)", where that is what `text` says.
std::vector<double> numbers_of(std::string_view text, std::string_view name) {
  if (!text.starts_with(name) || !text.ends_with(')') || text.substr(name.size()).find('(') != 0) return {};
  std::istringstream inside{std::string{text.substr(name.size() + 1, text.size() - name.size() - 2)}};
  inside.imbue(std::locale::classic());
  std::vector<double> numbers;
  for (std::string part; std::getline(inside, part, ',');) {
    std::istringstream stream{part};
    stream.imbue(std::locale::classic());
    double number = 0.0;
    if (!(stream >> number) || !(stream >> std::ws).eof()) return {};
    numbers.push_back(number);
  }
  return numbers;
}

// The rule that `text` names with numbers of its own; none if it does not.
InitializerRule with_numbers(std::string_view text) {
  if (const auto numbers = numbers_of(text, "normal"); numbers.size() == 2)
    return normal(numbers[0], numbers[1]);
  if (const auto numbers = numbers_of(text, "uniform"); numbers.size() == 2)
    return uniform(numbers[0], numbers[1]);
  if (const auto numbers = numbers_of(text, "constant"); numbers.size() == 1) return constant(numbers[0]);
  return nullptr;
}

constexpr std::array named_rules{
    Named{"fan_in", fan_in},
    Named{"kaiming_normal", kaiming_normal},
    Named{"kaiming_uniform", kaiming_uniform},
    Named{"xavier_normal", xavier_normal},
    Named{"xavier_uniform", xavier_uniform},
};

}  // namespace

InitializerRule fan_in() {
  return [](Fans fans) { return Initializer::fan_in(fans.in); };
}

InitializerRule kaiming_normal() {
  return [](Fans fans) { return normal_of(kaiming_variance(fans)); };
}

InitializerRule kaiming_uniform() {
  return [](Fans fans) { return uniform_of(kaiming_variance(fans)); };
}

InitializerRule xavier_normal() {
  return [](Fans fans) { return normal_of(xavier_variance(fans)); };
}

InitializerRule xavier_uniform() {
  return [](Fans fans) { return uniform_of(xavier_variance(fans)); };
}

InitializerRule normal(double mean, double deviation) {
  return [=](Fans) { return Initializer::normal(mean, deviation); };
}

InitializerRule uniform(double low, double high) {
  return [=](Fans) { return Initializer::uniform(low, high); };
}

InitializerRule constant(double value) {
  return [=](Fans) { return Initializer::constant(value); };
}

InitializerRule by_name(std::string_view name) {
  if (auto rule = with_numbers(name)) return rule;
  std::string names;
  for (const auto& [known, rule] : named_rules) {
    if (known == name) return rule();
    names += fmt::format("{}{}", names.empty() ? "" : ", ", known);
  }
  throw Error{
      fmt::format("there is no initializer '{}'; "
                  "there are {}, normal(mean, deviation), uniform(low, high) and constant(value)",
                  name, names)};
}

}  // namespace initializers
}  // namespace keel
