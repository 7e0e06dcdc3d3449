#include "keel/tools/commands/batch_study_command.hpp"

#include <algorithm>

#include "keel/tools/commands/carry_out.hpp"
#include "keel/tools/studies/batch_study.hpp"

namespace keel::tools {
ExitStatus run_batch_study(const BatchStudyOptions& options, const Invocation& invocation) {
  auto sizes = options.batch_sizes;
  std::ranges::sort(sizes);
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  const auto& common = options.common;
  const auto study = batch_study({.batch_sizes = sizes, .base = common.run});
  Assignment assignment{.command = "batch-study",
                        .studies = {study.get()},
                        .settings = {{"command", "batch-study"},
                                     {"batch_sizes", sizes},
                                     {"data", common.data},
                                     {"seed", common.seed},
                                     {"seeds", common.seeds},
                                     {"epochs", common.run.epochs},
                                     {"batch_size", common.run.batch_size},
                                     {"learning_rate", common.run.learning_rate},
                                     {"momentum", common.run.momentum},
                                     {"limit", common.run.limit}},
                        .common = common,
                        .must_train = true};
  return carry_out(assignment, invocation);
}

}  // namespace keel::tools
