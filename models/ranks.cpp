#include "keel/models/ranks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace keel {
namespace {

std::string description_of(const NamedParameter& named) {
  return fmt::format("{} of {}", named.path, to_string(detail::values_of(named).type()));
}

template <class T>
void average(const NamedParameter& named, const Communicator& ranks) {
  const auto values = named.parameter->value().data<T>();
  // In double, of which the mean of equal values is that value.
  std::vector<double> sums(values.begin(), values.end());
  ranks.all_reduce(sums, description_of(named));
  std::ranges::transform(sums, values.begin(), [&](double sum) { return static_cast<T>(sum / ranks.size()); });
}

}  // namespace

void copy_from_first(std::span<const NamedParameter> parameters, const Communicator& ranks) {
  if (ranks.size() == 1) return;
  for (const auto& named : parameters) {
    const auto& value = detail::values_of(named);
    const std::string_view own{reinterpret_cast<const char*>(value.bytes()), value.type().bytes()};
    const auto first = ranks.from_first(own, description_of(named));
    std::ranges::copy(std::as_bytes(std::span{first}), value.bytes());
  }
}

void average_statistics(std::span<const NamedParameter> parameters, const Communicator& ranks) {
  if (ranks.size() == 1) return;
  for (const auto& named : parameters) {
    const auto& parameter = *named.parameter;
    if (parameter.kind() != Parameter::Kind::statistic || parameter.frozen()) continue;
    if (detail::values_of(named).dtype() == DType::f64)
      average<double>(named, ranks);
    else
      average<float>(named, ranks);
  }
}

}  // namespace keel
