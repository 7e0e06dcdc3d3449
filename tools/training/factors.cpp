#include "keel/tools/training/factors.hpp"

#include <algorithm>

#include "keel/runtime/error.hpp"

namespace keel::tools {

const std::string& Factor::word() const {
  if (const auto* word = std::get_if<std::string>(&value_)) return *word;
  throw Error{"a factor is a number where a word is asked for"};
}

double Factor::number() const {
  if (const auto* number = std::get_if<double>(&value_)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*number);
  throw Error{"a factor is the word '" + word() + "' where a number is asked for"};
}

std::int64_t Factor::whole() const {
  if (const auto* number = std::get_if<std::int64_t>(&value_)) return *number;
  throw Error{"a factor is not a whole number where one is asked for"};
}

bool operator==(const Factor& a, const Factor& b) {
  if (a.is_word() || b.is_word() || (a.is_whole() && b.is_whole())) return a.value_ == b.value_;
  return a.number() == b.number();
}

void Factors::set(std::string_view name, Factor value) {
  const auto place = std::ranges::find(entries_, name, &Entry::first);
  if (place == entries_.end()) {
    entries_.emplace_back(name, std::move(value));
  } else {
    place->second = std::move(value);
  }
}

const Factor* Factors::find(std::string_view name) const {
  const auto place = std::ranges::find(entries_, name, &Entry::first);
  return place == entries_.end() ? nullptr : &place->second;
}

const Factor& Factors::at(std::string_view name) const {
  if (const auto* factor = find(name)) return *factor;
  throw Error{"the run has no factor '" + std::string{name} + "'"};
}

}  // namespace keel::tools
