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

}  // namespace keel
