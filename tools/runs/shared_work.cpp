#include "keel/tools/runs/shared_work.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "keel/tools/system/worker_pool.hpp"

namespace keel::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds between_looks{200};  // at what another process has claimed

// What is still to be done, for the threads of this process.
class Pending {
 public:
  explicit Pending(std::span<const std::size_t> pieces)
      : fresh_(pieces.begin(), pieces.end()), left_(pieces.size()) {}

  // The next piece to look at, as soon as it is due; nothing when none is left or a stop is requested.
  std::optional<std::size_t> take(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    while (!stop.stop_requested() && left_ > 0 && !ended_) {
      auto& from = fresh_.empty() ? elsewhere_ : fresh_;
      if (!from.empty() && (!fresh_.empty() || looked_ + between_looks <= Clock::now())) {
        const auto piece = from.front();
        from.pop_front();
        return piece;
      }
      changed_.wait_for(lock, stop, between_looks, [] { return false; });
    }
    return std::nullopt;
  }

  void done() {
    const std::scoped_lock lock{mutex_};
    --left_;
    changed_.notify_all();
  }

  // No thread takes another.
  void end() {
    const std::scoped_lock lock{mutex_};
    ended_ = true;
    changed_.notify_all();
  }

  // Another process has it, or a thread of this one.
  void put_back(std::size_t piece) {
    const std::scoped_lock lock{mutex_};
    elsewhere_.push_back(piece);
    // Once round they are left alone for a while.
    if (++put_back_ >= elsewhere_.size()) {
      put_back_ = 0;
      looked_ = Clock::now();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::size_t> fresh_;
  std::deque<std::size_t> elsewhere_;
  std::size_t left_;
  std::size_t put_back_ = 0;
  bool ended_ = false;
  Clock::time_point looked_ = Clock::now();
};

}  // namespace

void work_together(std::span<const std::size_t> pieces, const SharedWork& work, LeaseBook& leases,
                   int threads, const std::stop_token& stop) {
  Pending pending{pieces};
  const auto look_after = [&](std::size_t piece) {
    if (work.find(piece)) return pending.done();
    const auto lease = leases.claim(work.name(piece));
    if (!lease) return pending.put_back(piece);
    if (!work.find(piece)) work.run(piece);  // it may have been done since
    pending.done();
  };
  const std::function<void()> worker = [&] {
    try {
      while (const auto piece = pending.take(stop)) look_after(*piece);
    } catch (...) {
      pending.end();
      throw;
    }
  };
  const std::vector<std::function<void()>> workers(static_cast<std::size_t>(threads), worker);
  run_jobs(workers, threads, stop);
}

}  // namespace keel::tools
