#include "keel/tools/commands/joined.hpp"

#include <chrono>

#include "keel/tools/runs/same_bits.hpp"
#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {

void require_sensible_sharing(const CommonOptions& options) {
  if (!options.join) return;
  if (options.out.empty())
    throw UsageError{"what processes join in has to be named with --out, a folder that all of them see"};
  if (options.resume) throw UsageError{"--join goes on with what it finds by itself: leave --resume out"};
  if (options.force)
    throw UsageError{"--join can't be told to replace what others may be working on: leave --force out"};
}

std::unique_ptr<LeaseBook> join_in(const CommonOptions& options, const Workspace& workspace,
                                   const Json& provenance) {
  if (!options.join) return nullptr;
  require_same_bits(workspace.path(), provenance);
  return std::make_unique<LeaseBook>(workspace.path() / "runs", std::chrono::seconds{options.lease});
}

}  // namespace keel::tools
