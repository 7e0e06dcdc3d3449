#include "keel/tools/runs/same_bits.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>

#include "keel/runtime/error.hpp"
#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {
namespace {

constexpr auto file_name = "shared.json";

// Whether this process is the first.
bool leave(const std::filesystem::path& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0 && errno == EEXIST) return false;
  const auto written = file < 0 ? -1 : ::write(file, text.data(), text.size());
  const int error = errno;
  if (file >= 0) ::close(file);
  if (written != std::ssize(text))
    throw Error{
        fmt::format("'{}' can't be written: {}", path.string(), std::generic_category().message(error))};
  return true;
}

// The first may have made it and not written yet.
Json left_in(const std::filesystem::path& path) {
  constexpr int looks = 50;
  for (int i = 1;; ++i) {
    try {
      return read_json(path);
    } catch (const DataError&) {
      if (i == looks) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
}

}  // namespace

void require_same_bits(const std::filesystem::path& folder, const Json& provenance) {
  const auto path = folder / file_name;
  if (leave(path, json_text(provenance) + "\n")) return;
  const auto first = left_in(path);
  for (const auto& [what, value] : provenance.items()) {
    if (first.contains(what) && first.at(what) == value) continue;
    const bool is_set = what == "instruction_set";
    throw Error{fmt::format(
        "the processes that share '{}' compute with {} {}, this one with {}, which gives other bits: {}",
        folder.string(), is_set ? "the instruction set" : what,
        first.contains(what) ? json_text(first.at(what)) : "none", json_text(value),
        is_set
            ? "begin in another folder, with ONEDNN_MAX_CPU_ISA set for all of them to what every host has, such as AVX2"
            : "all of them have to be the same program on the same data")};
  }
}

}  // namespace keel::tools
