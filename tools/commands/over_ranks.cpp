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
    world.leave(by_signal + interrupt.signal(), true);
  }
}

ExitStatus run_on_ranks(const Communicator& world, CommonOptions& options, bool threads_are_given,
                        const Invocation& invocation, const std::function<ExitStatus()>& command) {
  try {
    options.ranks = CommandRanks{world};
    options.ranks.require_same_start(invocation.arguments);
    if (!threads_are_given) options.threads = options.ranks.default_threads();
    const auto status = command();
    std::fflush(stdout);  // while the launcher is sure to listen
    return status == ExitStatus::interrupted ? status : options.ranks.status_of_first(status);
  } catch (const EndedByRanks& ended) {
    return ended.status();
  }
}

ExitStatus leave(const Communicator& world, const Failure& failure, bool speaker) {
  if (speaker) say(failure.sentence);
  std::fflush(stdout);
  world.leave(static_cast<int>(failure.status), speaker);
  return failure.status;
}

}  // namespace

ExitStatus over_ranks(CommonOptions& options, bool threads_are_given, const Invocation& invocation,
                      const std::function<ExitStatus()>& command) {
  const auto world = Communicator::world();
  if (world.size() == 1) return command();
  try {
    const auto status = run_on_ranks(world, options, threads_are_given, invocation, command);
    if (status == ExitStatus::interrupted)
      end_interrupted_ranks(world, invocation.interrupt);
    else
      world.end();
    return status;
  } catch (const RankError& error) {
    return leave(world, {ExitStatus::failed, error.what()}, error.speaker() == world.rank());
  } catch (...) {
    return leave(world, present_failure(), true);
  }
}

}  // namespace keel::tools
