#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// Throws a DataError that says of a file what is wrong with it: "'PATH' TEXT".
template <class... Args>
[[noreturn]] void refuse(const std::filesystem::path& path, fmt::format_string<Args...> text,
                         Args&&... args) {
  throw DataError{fmt::format("'{}' {}", path.string(), fmt::format(text, std::forward<Args>(args)...))};
}

}  // namespace keel::tools
