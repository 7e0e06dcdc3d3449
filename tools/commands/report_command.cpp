#include "keel/tools/commands/report_command.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "keel/tools/report/report.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {

ExitStatus report_again(const std::string& folder, const Invocation& invocation) {
  const std::filesystem::path path{folder};
  write_report(path, read_results(path),
               [&](std::string_view name) { return known_study(invocation, name); });
  fmt::print("{}\n", (path / "report.html").string());
  return ExitStatus::done;
}

}  // namespace keel::tools
