#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(hidden)

namespace keel {

/// Collective operations of one lane match each other in the order in which they are begun, on every rank the
/// same; those of different lanes are independent.
enum class Lane : std::uint8_t { headers, parts, sums };

/// What carries bytes between ranks: MPI, or threads in tests. A Communicator makes sums, order and errors of it.
/// Used by one thread at a time. Errors of the carrier are thrown as Error.
class Transport {
 public:
  /// An operation under way; its memory must stay until it is done.
  class Operation {
   public:
    Operation() = default;
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    virtual ~Operation() = default;
    /// Whether it is done by now. Never waits.
    [[nodiscard]] virtual bool done() = 0;
  };

  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;

  /// Rank r's bytes are those from offsets[r] to offsets[r + 1]: its own are there, the others' arrive. Less than
  /// 2^31 in all.
  virtual std::unique_ptr<Operation> all_gather(std::byte* memory, std::span<const std::size_t> offsets,
                                                Lane lane) = 0;
  /// Sends to each other rank r the bytes from offsets[r] to offsets[r + 1]. What the others have of this rank's own
  /// part arrives in `received`, one behind the other in the order of ranks.
  virtual std::unique_ptr<Operation> all_to_all(const std::byte* sent, std::byte* received,
                                                std::span<const std::size_t> offsets, Lane lane) = 0;

  /// Sends a text to all others without waiting for any: of use when collectives no longer match.
  virtual void post(const std::string& text) = 0;
  /// Whether a text has arrived. Never waits.
  [[nodiscard]] virtual bool posts_are_there() = 0;
  /// The texts that have arrived since the last call, with the ranks that posted them. Never waits.
  virtual std::vector<std::pair<int, std::string>> posted() = 0;

  /// Ends the connection in good order, with all ranks.
  virtual void finish() = 0;
  /// Ends the processes of all ranks at once, with this status.
  [[noreturn]] virtual void abort(int status) = 0;
};

}  // namespace keel

#pragma GCC visibility pop
