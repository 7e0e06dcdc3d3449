#include "keel/runtime/error.hpp"

#include <fmt/format.h>

#include <string_view>

namespace keel {

std::string describe(const SourceLocation& where) {
  const std::string_view path = where.file_name();
  const auto slash = path.find_last_of('/');
  return fmt::format("{}:{}", slash == std::string_view::npos ? path : path.substr(slash + 1), where.line());
}

}  // namespace keel
