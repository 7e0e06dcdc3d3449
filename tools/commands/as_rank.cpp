#include "keel/tools/commands/as_rank.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "keel/runtime/threads.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {
namespace {

// Of an error that only this rank knows: the others are told, and rank 0 says it if it hears it.
void tell(const Communicator& ranks, ExitStatus status, const std::string& what) {
  const bool heard = ranks.fail(what);
  const bool speaker = ranks.rank() == 0 || !heard;
  if (speaker) fmt::print(stderr, "keel: {}\n", what);
  std::fflush(nullptr);
  ranks.leave(static_cast<int>(status), speaker);
}

// After a failure that all have seen, and that one has said.
void leave_together(const Communicator& ranks, ExitStatus status) {
  std::fflush(nullptr);
  try {
    ranks.end();
  } catch (const RankError&) {
    ranks.leave(static_cast<int>(status), ranks.rank() == 0);
  }
}

// "data digest: abc, and rank 0 has def", of the first that differs; empty if none does.
std::string difference(const Json& own, const Json& first, int rank) {
  for (const auto& [name, value] : first.items()) {
    const auto theirs = own.value(name, Json{});
    if (theirs == value) continue;
    return fmt::format("rank {} has {} {}, and rank 0 has {}", rank, name, json_text(theirs),
                       json_text(value));
  }
  return {};
}

int number_in_environment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::atoi(text);
}

}  // namespace

ExitStatus as_rank(const Communicator& ranks, const std::function<ExitStatus()>& run) {
  if (ranks.size() == 1) return run();
  auto status = ExitStatus::failed;
  std::string what;
  try {
    status = run();
    if (status == ExitStatus::done || status == ExitStatus::interrupted) {
      ranks.end();
      return status;
    }
  } catch (const RankError& error) {
    const bool speaker = error.speaker() == ranks.rank();
    if (speaker) fmt::print(stderr, "keel: {}\n", error.what());
    std::fflush(nullptr);
    ranks.leave(static_cast<int>(ExitStatus::failed), speaker);
    return ExitStatus::failed;
  } catch (const UsageError& error) {
    status = ExitStatus::usage;
    what = error.what();
  } catch (const DataError& error) {
    status = ExitStatus::data;
    what = error.what();
  } catch (const std::bad_alloc&) {
    what = "out of memory: the system gives this program no more";
  } catch (const std::exception& error) {
    what = error.what();
  }
  if (what.empty())
    leave_together(ranks, status);
  else
    tell(ranks, status, what);
  return status;
}

void require_alike(const Communicator& ranks, const std::string& settings, const std::string& provenance) {
  if (ranks.size() == 1) return;
  Json own = Json::parse(settings);
  own.update(Json::parse(provenance));
  const auto all = ranks.all_gather(own.dump(), "what each was started for");
  const auto first = Json::parse(all[0]);
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    const auto text = difference(Json::parse(all[rank]), first, static_cast<int>(rank));
    if (text.empty()) continue;
    throw Error{fmt::format(
        "the ranks were not started alike: {}; start all with the same command, program and data, and on hosts whose "
        "processors differ with ONEDNN_MAX_CPU_ISA set to what every one has",
        text)};
  }
}

// Open MPI may have bound each rank to processors of its own already.
int threads_of_a_rank() {
  const int local =
      std::max({1, number_in_environment("OMPI_COMM_WORLD_LOCAL_SIZE"),
                number_in_environment("MPI_LOCALNRANKS"), number_in_environment("SLURM_NTASKS_PER_NODE")});
  const int processors = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return std::max(1, std::min(available_processors(), processors / local));
}

}  // namespace keel::tools
