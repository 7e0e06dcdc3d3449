#include "keel/tools/commands/over_ranks.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "keel/runtime/communicator.hpp"
#include "keel/tools/commands/failure.hpp"

namespace keel::tools {
namespace {

// The highest signal that interrupted any rank, where some were.
int signal_over_ranks(const Communicator& world, const Interrupt& interrupt) {
  std::array<double, 65> by_number{};  // Linux has 64
  if (interrupt.token().stop_requested()) by_number.at(static_cast<std::size_t>(interrupt.signal())) = 1.0;
  world.all_reduce(by_number, "the signals that interrupted ranks");
  const auto last =
      std::find_if(by_number.rbegin(), by_number.rend(), [](double ranks) { return ranks > 0.0; });
  return last == by_number.rend() ? interrupt.signal() : static_cast<int>(by_number.rend() - last) - 1;
}

// Who ends all ranks ends them within a moment; who ends one alone means all of them, too.
ExitStatus end_interrupted_ranks(const Communicator& world, const Interrupt& interrupt) {
  constexpr double seconds = 2.0;
  constexpr int by_signal = 128;
  world.set_timeout(seconds);
  int signal = interrupt.signal();
  try {
    signal = signal_over_ranks(world, interrupt);
    world.end();
  } catch (const RankError&) {
    world.leave(by_signal + signal, true);
  }
  return ExitStatus{by_signal + signal};
}

ExitStatus run_on_ranks(const Communicator& world, CommonOptions& options, bool threads_are_given,
                        const Invocation& invocation, const std::function<ExitStatus()>& command) {
  try {
    options.ranks = CommandRanks{world};
    options.ranks.require_same_start(invocation.arguments);
    if (!threads_are_given) options.threads = options.ranks.default_threads();
    const auto status = command();
    std::fflush(stdout);  // while the launcher is sure to listen
    const bool all_have_it = status == ExitStatus::interrupted || world.all_know_failure();
    return all_have_it ? status : options.ranks.status_of_first(status);
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
    if (status == ExitStatus::interrupted) return end_interrupted_ranks(world, invocation.interrupt);
    if (world.all_know_failure())
      world.leave(static_cast<int>(status), world.rank() == 0);
    else
      world.end();
    return status;
  } catch (const RankError& error) {
    return leave(world, {ExitStatus::failed, error.what()}, error.speaker() == world.rank());
  } catch (...) {
    // Where all have heard of it, the first rank has said it, or does so now.
    return leave(world, present_failure(), !world.all_know_failure() || world.rank() == 0);
  }
}

}  // namespace keel::tools
