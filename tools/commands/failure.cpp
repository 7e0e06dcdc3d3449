#include "keel/tools/commands/failure.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>

#include "keel/tools/system/terminal.hpp"

namespace keel::tools {

Failure present_failure() {
  try {
    throw;
  } catch (const UsageError& error) {
    return {ExitStatus::usage, error.what()};
  } catch (const DataError& error) {
    return {ExitStatus::data, error.what()};
  } catch (const std::bad_alloc&) {
    return {ExitStatus::failed, "out of memory: the system gives this program no more"};
  } catch (const std::filesystem::filesystem_error& error) {
    return {ExitStatus::failed, fmt::format("'{}': {}", error.path1().string(), error.code().message())};
  } catch (const std::exception& error) {
    return {ExitStatus::failed, error.what()};
  }
}

std::string to_text(const Failure& failure) {
  return fmt::format("{} {}", static_cast<int>(failure.status), failure.sentence);
}

Failure failure_in(std::string_view text) {
  const auto end = text.find(' ');
  return {ExitStatus{std::stoi(std::string{text.substr(0, end)})}, std::string{text.substr(end + 1)}};
}

void say(std::string_view sentence) {
  fmt::print(stderr, "keel: {}\n", printable(sentence));
}

}  // namespace keel::tools
