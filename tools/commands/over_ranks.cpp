#include "keel/tools/commands/over_ranks.hpp"

#include <cstdio>

#include "keel/runtime/communicator.hpp"
#include "keel/tools/commands/failure.hpp"

namespace keel::tools {
namespace {

// Who ends all ranks ends them within a moment; who ends one alone means all of them, too.
void end_interrupted_ranks(const Communicator& world, const Interrupt& interrupt) {
  constexpr double seconds = 2.0;
  constexpr int by_signal = 128;
  world.set_timeout(seconds);
  try {
    world.end();
  } catch (const RankError&) {
    world.abort(by_signal + interrupt.signal());
  }
}

ExitStatus run_on_ranks(const Communicator& world, CommonOptions& options, bool threads_are_given,
                        const Invocation& invocation, const std::function<ExitStatus()>& command) {
  options.ranks = CommandRanks{world};
  options.ranks.require_same_start(invocation.arguments);
  if (!threads_are_given) options.threads = options.ranks.default_threads();
  const auto status = command();
  std::fflush(stdout);  // while the launcher is sure to listen
  return status == ExitStatus::interrupted ? status : options.ranks.status_of_first(status);
}

}  // namespace

ExitStatus over_ranks(CommonOptions& options, bool threads_are_given, const Invocation& invocation,
                      const std::function<ExitStatus()>& command) {
  const auto world = Communicator::world();
  if (world.size() == 1) return command();
  auto status = ExitStatus::done;
  try {
    status = run_on_ranks(world, options, threads_are_given, invocation, command);
    if (status == ExitStatus::interrupted) {
      end_interrupted_ranks(world, invocation.interrupt);
      return status;
    }
  } catch (const EndedByRanks& ended) {
    status = ended.status();
  } catch (const RankError&) {
    throw;  // all know
  } catch (...) {
    const auto failure = present_failure();
    say(failure.sentence);
    std::fflush(stdout);
    world.abort(static_cast<int>(failure.status));
  }
  world.end();
  return status;
}

}  // namespace keel::tools
