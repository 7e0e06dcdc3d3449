#include "keel/tools/commands/command_ranks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <random>
#include <thread>

#include "keel/runtime/onednn.hpp"
#include "keel/tools/commands/failure.hpp"
#include "keel/tools/commands/rank_processors.hpp"
#include "keel/tools/runs/results.hpp"
#include "keel/tools/system/output_folder.hpp"
#include "keel/tools/system/shell_word.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

std::string own_host() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

// What a user would type for it.
std::string command_typed(const std::vector<std::string>& arguments) {
  std::string line = "keel";
  for (std::size_t i = 1; i < arguments.size(); ++i) line += " " + shell_word(arguments[i]);
  return line;
}

// A file by which ranks see whether they see one folder: of a name that nothing else has.
class Sign {
 public:
  explicit Sign(const fs::path& folder) {
    std::random_device random;
    path_ = fs::absolute(folder / fmt::format(".seen-by-all-ranks-{:08x}{:08x}", random(), random()));
    write_file(path_, "");
  }
  ~Sign() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  Sign(const Sign&) = delete;
  Sign& operator=(const Sign&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

// Network file systems may take a moment to show what another host has written.
bool appears(const fs::path& path) {
  constexpr int looks = 50;
  std::error_code error;
  for (int i = 0; i < looks; ++i) {
    if (fs::exists(path, error)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  return false;
}

}  // namespace

CommandRanks::CommandRanks(Communicator ranks)
    : ranks_(std::move(ranks)), hosts_(ranks_.all_gather(own_host(), "the hosts' names")) {}

std::string CommandRanks::name_of(std::size_t rank) const {
  return fmt::format("rank {} on {}", rank, hosts_[rank]);
}

void CommandRanks::do_on_each(const std::function<void()>& step) const {
  if (!several()) return step();
  Failure own;
  try {
    step();
  } catch (...) {
    own = present_failure();
  }
  const auto failures = ranks_.all_gather(to_text(own), "what ranks failed at");
  const auto failed = [](const std::string& text) { return failure_in(text).status != ExitStatus::done; };
  const auto first = std::ranges::find_if(failures, failed);
  if (first == failures.end()) return;
  const auto failure = failure_in(*first);
  const auto rank = static_cast<std::size_t>(first - failures.begin());
  const bool is_known =
      rank == 0 || std::ranges::all_of(failures, [&](const auto& text) { return text == *first; });
  if (static_cast<std::size_t>(ranks_.rank()) == rank)
    say(is_known ? failure.sentence : fmt::format("{}: {}", name_of(rank), failure.sentence));
  throw EndedByRanks{failure.status};
}

void CommandRanks::require_same(
    const std::string& own, std::string_view what,
    const std::function<std::string(const std::string&, const std::string&)>& sentence) const {
  if (!several()) return;
  const auto all = ranks_.all_gather(own, what);
  const auto other = std::ranges::find_if(all, [&](const auto& text) { return text != all.front(); });
  if (other == all.end()) return;
  const auto rank = static_cast<std::size_t>(other - all.begin());
  each([&] {
    throw UsageError{
        sentence(fmt::format("{} {}", name_of(0), all.front()), fmt::format("{} {}", name_of(rank), *other))};
  });
}

void CommandRanks::require_same_start(const std::vector<std::string>& arguments) const {
  require_same(fmt::format("by '{}'", command_typed(arguments)), "command lines",
               [](const auto& a, const auto& b) {
                 return fmt::format(
                     "the ranks were started by different commands, {}, {}: start all by the same one", a, b);
               });
  require_same(fmt::format("is keel {} with oneDNN {}", keel_version(), onednn::version()), "versions",
               [](const auto& a, const auto& b) {
                 return fmt::format("{}, {}: all ranks have to be the same program", a, b);
               });
  require_same(
      fmt::format("with the instruction set {}", onednn::instruction_set()), "instruction sets",
      [](const auto& a, const auto& b) {
        return fmt::format(
            "the ranks compute with different instructions, {}, {}, which gives other bits: start all with "
            "ONEDNN_MAX_CPU_ISA set to what every host has, such as AVX2",
            a, b);
      });
}

void CommandRanks::require_same_data(const std::string& digest) const {
  require_same(
      fmt::format("data with the digest {}", digest), "digests of data", [](const auto& a, const auto& b) {
        return fmt::format("the ranks have read different data, {}, {}: give all hosts the same", a, b);
      });
}

int CommandRanks::default_threads() const {
  const auto processors = ranks_.all_gather(to_text(own_processors()), "processors");
  std::vector<RankProcessors> all;
  for (std::size_t rank = 0; rank < processors.size(); ++rank)
    all.push_back({hosts_[rank], processors_in(processors[rank])});
  return threads_beside(all, static_cast<std::size_t>(ranks_.rank()));
}

int CommandRanks::sum(int number, std::string_view what) const {
  int all = 0;
  for (const auto& text : ranks_.all_gather(std::to_string(number), what)) all += std::stoi(text);
  return all;
}

std::unique_ptr<Workspace> CommandRanks::open(const Workspace::Request& request) const {
  if (!several()) return std::make_unique<Workspace>(request);
  std::unique_ptr<Workspace> workspace;
  std::optional<Sign> sign;
  each([&] {
    if (!first()) return;
    workspace = std::make_unique<Workspace>(request);
    sign.emplace(workspace->path());
  });
  const fs::path seen = ranks_.from_first(sign ? sign->path() : "", "the folder for results");
  const auto folder = seen.parent_path();
  each([&] {
    if (appears(seen)) return;
    throw UsageError{
        fmt::format("'{}', to which {} writes, is not seen here: name a folder with --out that all hosts see",
                    folder.string(), name_of(0))};
  });
  each([&] {
    if (first()) return sign.reset();
    workspace = std::make_unique<Workspace>(Workspace::Request{
        .command = request.command, .settings = request.settings, .out = folder.string(), .join = true});
  });
  return workspace;
}

ExitStatus CommandRanks::status_of_first(ExitStatus status) const {
  return ExitStatus{
      std::stoi(ranks_.from_first(std::to_string(static_cast<int>(status)), "the exit status"))};
}

}  // namespace keel::tools
