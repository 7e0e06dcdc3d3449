#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "keel/runtime/communicator.hpp"
#include "keel/tools/runs/workspace.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// A command that ends on all ranks since one of them can't do it, which has been said already.
class EndedByRanks : public Error {
 public:
  explicit EndedByRanks(ExitStatus status) : Error("another rank has ended this command"), status_(status) {}
  [[nodiscard]] ExitStatus status() const { return status_; }

 private:
  ExitStatus status_;
};

/// The processes that mpirun or srun has started to do one command; by default there is one, for which
/// everything here costs nothing. All of them call the functions below in the same order. They throw
/// RankError where a rank is gone.
class CommandRanks {
 public:
  CommandRanks() = default;
  explicit CommandRanks(Communicator ranks);

  [[nodiscard]] int count() const { return ranks_.size(); }
  [[nodiscard]] bool several() const { return count() > 1; }
  /// Whether this is the one that prints, and writes what is made of the runs.
  [[nodiscard]] bool first() const { return ranks_.rank() == 0; }

  /// The ranks themselves, for what they compute together.
  [[nodiscard]] const Communicator& communicator() const { return ranks_; }

  /// Does `step` on every rank and waits for all. Where it throws on any, the first of these says why on
  /// standard error, and EndedByRanks is thrown on all.
  template <class Step>
  auto each(const Step& step) const -> std::invoke_result_t<Step> {
    if constexpr (std::is_void_v<std::invoke_result_t<Step>>) {
      do_on_each(step);
    } else {
      std::optional<std::invoke_result_t<Step>> result;
      do_on_each([&] { result.emplace(step()); });
      return std::move(*result);
    }
  }

  /// Ends the command on all ranks, as `each` does, where they were started by different command lines (the
  /// program's name aside), or would not come to the same bits.
  void require_same_start(const std::vector<std::string>& arguments) const;
  /// The same where they have read different data.
  void require_same_data(const std::string& digest) const;

  /// How many runs this rank does side by side unless it is told: its part of the processors that its
  /// host's ranks may run on, each of which counts for one of them.
  [[nodiscard]] int default_threads() const;
  /// The sum over all ranks, and so for `from_first`.
  [[nodiscard]] int sum(int number, std::string_view what) const;

  /// Rank 0's folder for this request, in which the others join. Ends the command on all where one does not
  /// see it.
  [[nodiscard]] std::unique_ptr<Workspace> open(const Workspace::Request& request) const;

  /// That of rank 0, once it comes here.
  [[nodiscard]] ExitStatus status_of_first(ExitStatus status) const;

 private:
  void do_on_each(const std::function<void()>& step) const;
  void require_same(const std::string& own, std::string_view what,
                    const std::function<std::string(const std::string&, const std::string&)>& sentence) const;
  [[nodiscard]] std::string name_of(std::size_t rank) const;

  Communicator ranks_;
  std::vector<std::string> hosts_;  // by rank
};

}  // namespace keel::tools
