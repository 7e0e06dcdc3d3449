#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace keel::tools {

/// What a study sets a factor to: a word or a number, whole or not. It converts from either, so that settings
/// read as lists of names and values.
class Factor {
 public:
  Factor(std::string word) : value_(std::move(word)) {}              // NOLINT(google-explicit-constructor)
  Factor(const char* word) : value_(std::string{word}) {}            // NOLINT(google-explicit-constructor)
  Factor(int number) : value_(static_cast<std::int64_t>(number)) {}  // NOLINT(google-explicit-constructor)
  Factor(std::int64_t number) : value_(number) {}                    // NOLINT(google-explicit-constructor)
  Factor(double number) : value_(number) {}                          // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool is_word() const { return std::holds_alternative<std::string>(value_); }
  [[nodiscard]] bool is_whole() const { return std::holds_alternative<std::int64_t>(value_); }

  /// Throws Error if it is a number.
  [[nodiscard]] const std::string& word() const;
  /// Throws Error if it is a word.
  [[nodiscard]] double number() const;
  /// Throws Error if it is not a whole number.
  [[nodiscard]] std::int64_t whole() const;

  /// Numbers are compared by value: 1 is 1.0.
  friend bool operator==(const Factor& a, const Factor& b);

 private:
  std::variant<std::int64_t, double, std::string> value_;
};

/// What a study varies from run to run, by name, in the order in which it was set.
class Factors {
 public:
  using Entry = std::pair<std::string, Factor>;

  Factors() = default;
  Factors(std::initializer_list<Entry> entries) : entries_(entries) {}

  /// Gives a factor a value, a new one at the end.
  void set(std::string_view name, Factor value);
  /// Null if there is none of that name.
  [[nodiscard]] const Factor* find(std::string_view name) const;
  /// Throws Error if there is none of that name.
  [[nodiscard]] const Factor& at(std::string_view name) const;

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] auto begin() const { return entries_.begin(); }
  [[nodiscard]] auto end() const { return entries_.end(); }

  bool operator==(const Factors&) const = default;

 private:
  std::vector<Entry> entries_;
};

}  // namespace keel::tools
