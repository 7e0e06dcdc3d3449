#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace keel::tools {

class LeaseBook;

/// A piece of work that this process has claimed among those that share a folder; given back when it is destroyed.
class Lease {
 public:
  Lease(LeaseBook& book, std::string name) : book_(&book), name_(std::move(name)) {}
  ~Lease();
  Lease(Lease&& other) noexcept : book_(std::exchange(other.book_, nullptr)), name_(std::move(other.name_)) {}
  Lease& operator=(Lease&&) = delete;
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

 private:
  LeaseBook* book_;
  std::string name_;
};

/// Claims of work in a folder that several processes share, on one host or on many. A claim is the file ".NAME.lease",
/// made exclusively, whose content its holder changes four times within the book's patience. Whoever sees one unchanged
/// for that long, by a clock of its own, takes it over: its holder was killed, stopped or cut off.
///
/// A claim saves work twice done and is never needed to be right: the holder of one that was taken over may go on, as
/// long as what it makes is the same and is written whole.
class LeaseBook {
 public:
  /// Throws Error for a patience of less than 0.1 s. `folder` must be there.
  LeaseBook(std::filesystem::path folder, std::chrono::milliseconds patience);
  ~LeaseBook() = default;
  LeaseBook(const LeaseBook&) = delete;
  LeaseBook& operator=(const LeaseBook&) = delete;

  /// Claims `name`; nothing if it is another's, or this process's already. Throws Error when the folder can't be
  /// written to.
  [[nodiscard]] std::optional<Lease> claim(const std::string& name);

  /// Removes all claims, those of processes that ended without giving theirs back among them: for when all work is done.
  void clear();

 private:
  friend class Lease;

  struct Sight {
    std::string content;
    std::chrono::steady_clock::time_point since;
  };

  [[nodiscard]] std::filesystem::path path_of(const std::string& name) const;
  [[nodiscard]] bool is_abandoned(const std::string& name);
  [[nodiscard]] bool is_ours(const std::string& name) const;
  void write(const std::string& name);
  void release(const std::string& name);
  void beat(const std::stop_token& stop);

  std::filesystem::path folder_;
  std::chrono::milliseconds patience_;
  std::string holder_;  // told from all others
  std::mutex mutex_;
  std::uint64_t beats_ = 0;
  std::set<std::string> held_;
  std::map<std::string, Sight> seen_;  // of others
  std::jthread heart_;                 // last: it uses the others
};

}  // namespace keel::tools
