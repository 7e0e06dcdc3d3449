#pragma once

namespace keel {

/// The line of a call, captured by a default argument: `SourceLocation where = SourceLocation::current()`.
/// Stands in for std::source_location, which clang 14 does not have with GCC's library.
class SourceLocation {
 public:
  static constexpr SourceLocation current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }

  [[nodiscard]] constexpr const char* file_name() const { return file_; }
  [[nodiscard]] constexpr int line() const { return line_; }

 private:
  constexpr SourceLocation(const char* file, int line) : file_(file), line_(line) {}

  const char* file_;
  int line_;
};

}  // namespace keel
