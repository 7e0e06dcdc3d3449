#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/runtime/error.hpp"

namespace keel {

class Transport;

/// Ranks that no longer do the same, or of which one has failed or shows no life. The text is the same on all of
/// them and names the ranks.
class RankError : public Error {
 public:
  RankError(const std::string& text, int speaker) : Error(text), speaker_(speaker) {}
  /// The lowest rank that got it: the one to say it.
  [[nodiscard]] int speaker() const { return speaker_; }

 private:
  int speaker_;
};

/// The processes of one computation, called ranks: each has a number, all run the same program on data of their
/// own, and all call the operations below in the same order. A handle: copies mean the same ranks. By default
/// there is one rank, for which everything here costs nothing.
///
/// Sums are taken in one order, a binary tree over the ranks' numbers, so that every rank gets the same bits, at
/// every run.
///
/// Before each operation the ranks compare what they are about to do. Where that differs, one has failed (see
/// `fail`) or ended, all throw RankError; where a rank does not come within the timeout, the others say at which
/// operation every one is, and throw. After that no operation is possible any more.
class Communicator {
 public:
  /// One rank.
  Communicator() = default;
  /// Those that `transport` connects.
  explicit Communicator(std::shared_ptr<Transport> transport);

  /// The ranks that mpirun or srun has started this process as one of; one rank for a process that was started
  /// otherwise. MPI is a module of its own that is loaded here. Throws Error where ranks were started and the module
  /// can't be loaded. To be called once in a process, whose last handle ends MPI.
  static Communicator world();

  [[nodiscard]] int rank() const;
  [[nodiscard]] int size() const;
  /// Whether both mean the same ranks.
  bool operator==(const Communicator& other) const { return protocol_ == other.protocol_; }

  /// Replaces `values` by the sums over all ranks. `what` says in errors what is summed up. Throws RankError.
  void all_reduce(std::span<float> values, std::string_view what) const;
  void all_reduce(std::span<double> values, std::string_view what) const;

  /// Begins to sum up, and lets what was begun before go on. The values must stay where they are, and be left alone,
  /// until `finish_all_reduce` of the same ones, or `settle`, returns.
  void begin_all_reduce(std::span<float> values, std::string_view what) const;
  void begin_all_reduce(std::span<double> values, std::string_view what) const;
  /// Waits for the sums of these values. Throws RankError.
  void finish_all_reduce(std::span<float> values) const;
  void finish_all_reduce(std::span<double> values) const;
  /// Waits until nothing is under way, such as after an error between both.
  void settle() const noexcept;

  /// What every rank gave, by rank. Throws RankError, and Error for more than 1 GiB together.
  [[nodiscard]] std::vector<std::string> all_gather(std::string_view bytes, std::string_view what) const;
  /// What rank 0 gave, of any size; the others' is not looked at. Throws RankError.
  [[nodiscard]] std::string from_first(std::string_view bytes, std::string_view what) const;

  /// Tells the others that this rank can't go on and why: their next operation throws RankError with these words.
  /// Waits for them, but no longer than the timeout. Whether all have heard it.
  bool fail(std::string_view why) const noexcept;
  /// Whether no operation is possible any more, and all ranks have answered why.
  [[nodiscard]] bool all_know_failure() const;
  /// Waits for all ranks to end, too. A rank that ends otherwise leaves the others waiting. Throws RankError.
  void end() const;
  /// Leaves the ranks after a RankError or `fail`: in good order where all have answered, else by ending the processes
  /// of all ranks at once with `status`, which no destructor sees. What is to be said must be written by then; others
  /// than the speaker wait for that one.
  void leave(int status, bool speaker) const;

  /// How long a rank is waited for: 300 seconds, or what KEEL_RANK_TIMEOUT says; up to a million.
  void set_timeout(double seconds) const;

 private:
  std::shared_ptr<void> protocol_;  // of rank_protocol.hpp, which is keel's own; none: one rank
};

}  // namespace keel
