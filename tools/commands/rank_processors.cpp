#include "keel/tools/commands/rank_processors.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "keel/runtime/threads.hpp"

namespace keel::tools {
namespace {

// Each processor goes to the rank that has fewest by then, of those that may run on it.
std::vector<int> dealt_out(std::span<const RankProcessors> ranks, const std::string& host) {
  std::map<int, std::vector<std::size_t>> users;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank)
    if (ranks[rank].host == host)
      for (const int processor : ranks[rank].processors.numbers) users[processor].push_back(rank);
  std::vector<int> counts(ranks.size());
  for (const auto& [processor, those] : users)
    ++counts[*std::ranges::min_element(those, {}, [&](std::size_t rank) { return counts[rank]; })];
  return counts;
}

}  // namespace

Processors own_processors() {
  const bool is_told = std::getenv("OMP_NUM_THREADS") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  Processors processors{.usable = available_processors(), .is_told = is_told};
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return processors;
  for (int number = 0; number < CPU_SETSIZE; ++number)
    if (CPU_ISSET(number, &set)) processors.numbers.push_back(number);
  return processors;
}

std::string to_text(const Processors& processors) {
  return fmt::format("{} {} {}", processors.usable, processors.is_told ? 1 : 0,
                     fmt::join(processors.numbers, " "));
}

Processors processors_in(std::string_view text) {
  Processors processors;
  std::istringstream stream{std::string{text}};
  stream >> processors.usable >> processors.is_told;
  for (int number = 0; stream >> number;) processors.numbers.push_back(number);
  return processors;
}

int threads_beside(std::span<const RankProcessors> ranks, std::size_t rank) {
  const auto& [host, own] = ranks[rank];
  if (own.is_told) return own.usable;
  const int dealt = std::max(1, dealt_out(ranks, host)[rank]);
  if (own.usable >= std::ssize(own.numbers)) return dealt;
  // A quota is for all ranks of the host together.
  const auto beside = std::ranges::count(ranks, host, &RankProcessors::host);
  return std::clamp(own.usable / static_cast<int>(beside), 1, dealt);
}

}  // namespace keel::tools
