#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "keel/runtime/buffer.hpp"
#include "keel/runtime/transport.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// In seconds: eleven days.
inline constexpr double longest_timeout = 1e6;

/// How long ranks are waited for: what KEEL_RANK_TIMEOUT says, or 300 seconds. Throws Error where that says no number
/// above 0 and up to `longest_timeout`.
double rank_timeout();

}  // namespace keel

namespace keel::detail {

/// What a rank is about to do, for comparison with the others.
struct RankHeader {
  std::uint64_t number;  ///< of the operation
  std::uint64_t digest;  ///< of all that has to be the same
  bool operator==(const RankHeader&) const = default;
};

/// One operation of all ranks: headers first, then two exchanges, each on a lane of its own.
class Collective {
 public:
  enum class Phase : std::uint8_t { headers, parts, sums, done };

  /// `description` says what it is: "the sum of the gradients, 101770 of f32"; others must say the same.
  /// `key` is what it is finished by.
  Collective(std::string description, const void* key) : description_(std::move(description)), key_(key) {}
  Collective(const Collective&) = delete;
  Collective& operator=(const Collective&) = delete;
  virtual ~Collective() = default;

  [[nodiscard]] const std::string& description() const { return description_; }
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] std::uint64_t number() const { return number_; }

 protected:
  using Operation = std::unique_ptr<Transport::Operation>;
  /// Begins the exchange of parts. None where there is nothing to exchange.
  virtual Operation begin_parts(Transport& transport) = 0;
  /// The parts are there: begins the exchange of sums. None where all is done.
  virtual Operation begin_sums(Transport& transport) = 0;

 private:
  friend class RankProtocol;
  std::string description_;
  const void* key_;
  std::uint64_t number_ = 0;
  Phase phase_ = Phase::headers;
  std::vector<RankHeader> headers_;
  Operation operation_;
};

/// Runs the operations of a rank, several at a time, in the order in which they were begun, and notices when the
/// ranks part.
class RankProtocol {
 public:
  explicit RankProtocol(std::shared_ptr<Transport> transport);
  RankProtocol(const RankProtocol&) = delete;
  RankProtocol& operator=(const RankProtocol&) = delete;
  ~RankProtocol();

  [[nodiscard]] Transport& transport() { return *transport_; }
  void set_timeout(double seconds) { timeout_ = std::chrono::duration<double>{seconds}; }

  /// Memory for what arrives, kept from operation to operation: fresh memory would cost as much as the exchange.
  [[nodiscard]] Buffer take_buffer(std::size_t bytes);
  void give_back(Buffer buffer);

  /// Begins an operation, and lets those before go on.
  void begin(const std::shared_ptr<Collective>& collective);
  /// Waits until the one of that key is done. Throws RankError.
  void finish(const void* key);
  /// As `Communicator::settle`.
  void settle() noexcept;
  /// As `Communicator::fail`.
  bool fail(std::string_view why) noexcept;
  /// As `Communicator::all_know_failure`.
  [[nodiscard]] bool all_know_failure() const { return !parted_.empty() && all_answered_; }
  /// As `Communicator::end`.
  void end();
  /// As `Communicator::leave`.
  void leave(int status, bool speaker);

 private:
  using Clock = std::chrono::steady_clock;
  using Phase = Collective::Phase;

  void require_whole() const;
  void advance();
  bool advance(Collective& collective, Phase at_most);
  void compare(const Collective& collective);
  // What ranks said of themselves, and which did.
  using Groups = std::vector<std::pair<std::string, std::vector<int>>>;
  [[noreturn]] void part(const std::string& own, bool waited);
  [[nodiscard]] std::string text_of(const Groups& groups, bool waited) const;

  std::shared_ptr<Transport> transport_;
  std::chrono::duration<double> timeout_;
  std::uint64_t begun_ = 0;
  std::deque<std::shared_ptr<Collective>> under_way_;
  std::string parted_;  // why; empty while all is well
  int speaker_ = 0;     // the lowest rank that knows why
  bool all_answered_ = false;
  bool ended_ = false;
  std::vector<Buffer> buffers_;  // that none uses
};

}  // namespace keel::detail

#pragma GCC visibility pop
