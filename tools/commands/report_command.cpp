#include "keel/tools/commands/report_command.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "keel/tools/report/report.hpp"

namespace keel::tools {

void add_report_command(CLI::App& app, ReportOptions& options, ExitStatus& status) {
  auto* command = app.add_subcommand("report", "make report.html again from a folder's results.json");
  command->add_option("DIR", options.folder, "folder of compare, batch-study or study")
      ->required()
      ->type_name("");
  command->callback([&options, &status] {
    const std::filesystem::path folder{options.folder};
    write_report(folder, read_results(folder));
    fmt::print("{}\n", (folder / "report.html").string());
    status = ExitStatus::done;
  });
}

}  // namespace keel::tools
