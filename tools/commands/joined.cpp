#include "keel/tools/commands/joined.hpp"

#include <chrono>
#include <utility>

#include "keel/tools/runs/same_bits.hpp"
#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {
namespace {

// Between its ranks a command shares runs by claims, too. Those that were left in its folder are of dead
// processes then, unless others were to join in.
std::unique_ptr<LeaseBook> lease_book(const CommonOptions& options, const std::filesystem::path& folder) {
  if (!options.join && !options.ranks.several()) return nullptr;
  auto leases = std::make_unique<LeaseBook>(folder / "runs", std::chrono::seconds{options.lease});
  if (!options.join && options.ranks.first()) leases->clear();
  return leases;
}

}  // namespace

void require_sensible_sharing(const CommonOptions& options) {
  if (!options.join) return;
  if (options.out.empty())
    throw UsageError{"what processes join in has to be named with --out, a folder that all of them see"};
  if (options.resume) throw UsageError{"--join goes on with what it finds by itself: leave --resume out"};
  if (options.force)
    throw UsageError{"--join can't be told to replace what others may be working on: leave --force out"};
}

SharedRuns open_runs(const CommonOptions& options, const std::string& command, const Json& settings,
                     const Json& provenance) {
  const auto& ranks = options.ranks;
  ranks.require_same_data(provenance.at("data").get<std::string>());
  auto workspace = ranks.open({.command = command,
                               .settings = settings,
                               .out = options.out,
                               .force = options.force,
                               .resume = options.resume,
                               .join = options.join});
  // No rank goes on before all are ready.
  return ranks.each([&] {
    const auto& folder = workspace->path();
    if (options.join) require_same_bits(folder, provenance);
    RunStore store{folder, provenance, options.resume || options.join || ranks.several(), !ranks.first()};
    auto leases = lease_book(options, folder);
    return SharedRuns{std::move(workspace), std::move(store), std::move(leases)};
  });
}

}  // namespace keel::tools
