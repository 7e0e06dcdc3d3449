#include "thread_ranks.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "keel/runtime/threads.hpp"
#include "keel/runtime/transport.hpp"

namespace keel::test {
namespace {

// What the ranks' threads share: what each gave to the operations of each lane.
class Board {
 public:
  explicit Board(int ranks) : ranks_(ranks), posts_(static_cast<std::size_t>(ranks)) {}

  using Key = std::pair<Lane, std::uint64_t>;
  struct Given {
    std::vector<std::byte> bytes;
    std::vector<std::size_t> offsets;
  };

  void give(const Key& key, int rank, Given given) {
    const std::lock_guard lock{mutex_};
    given_[key].emplace(rank, std::move(given));
  }

  // What all gave; null until then.
  const std::map<int, Given>* all_given(const Key& key) {
    const std::lock_guard lock{mutex_};
    const auto& given = given_[key];
    return std::ssize(given) == ranks_ ? &given : nullptr;
  }

  void post(int from, const std::string& text) {
    const std::lock_guard lock{mutex_};
    for (int to = 0; to < ranks_; ++to)
      if (to != from) posts_[static_cast<std::size_t>(to)].emplace_back(from, text);
  }

  std::vector<std::pair<int, std::string>> posts(int rank, bool take) {
    const std::lock_guard lock{mutex_};
    auto& posts = posts_[static_cast<std::size_t>(rank)];
    return take ? std::exchange(posts, {}) : posts;
  }

  [[nodiscard]] int ranks() const { return ranks_; }

 private:
  int ranks_;
  std::mutex mutex_;
  std::map<Key, std::map<int, Given>> given_;
  std::vector<std::vector<std::pair<int, std::string>>> posts_;
};

class BoardOperation final : public Transport::Operation {
 public:
  using Take = std::function<void(const std::map<int, Board::Given>&)>;
  BoardOperation(Board& board, Board::Key key, Take take)
      : board_(board), key_(key), take_(std::move(take)) {}
  [[nodiscard]] bool done() override {
    if (done_) return true;
    const auto* given = board_.all_given(key_);
    if (given == nullptr) return false;
    take_(*given);
    return done_ = true;
  }

 private:
  Board& board_;
  Board::Key key_;
  Take take_;
  bool done_ = false;
};

class BoardTransport final : public Transport {
 public:
  BoardTransport(Board& board, int rank) : board_(board), rank_(rank) {}
  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return board_.ranks(); }

  std::unique_ptr<Operation> all_gather(std::byte* memory, std::span<const std::size_t> offsets,
                                        Lane lane) override {
    const auto own = static_cast<std::size_t>(rank_);
    const auto key = next(lane);
    board_.give(key, rank_, {{memory + offsets[own], memory + offsets[own + 1]}, {}});
    const std::vector places(offsets.begin(), offsets.end());
    return std::make_unique<BoardOperation>(board_, key, [memory, places](const auto& given) {
      for (const auto& [rank, part] : given)
        std::ranges::copy(part.bytes, memory + places[static_cast<std::size_t>(rank)]);
    });
  }

  std::unique_ptr<Operation> all_to_all(const std::byte* sent, std::byte* received,
                                        std::span<const std::size_t> offsets, Lane lane) override {
    const auto key = next(lane);
    board_.give(key, rank_, {{sent, sent + offsets.back()}, {offsets.begin(), offsets.end()}});
    return std::make_unique<BoardOperation>(
        board_, key, [received, own = static_cast<std::size_t>(rank_)](const auto& given) {
          auto* place = received;
          for (const auto& [rank, all] : given) {
            if (static_cast<std::size_t>(rank) == own) continue;
            place = std::copy(all.bytes.begin() + static_cast<std::ptrdiff_t>(all.offsets[own]),
                              all.bytes.begin() + static_cast<std::ptrdiff_t>(all.offsets[own + 1]), place);
          }
        });
  }

  void post(const std::string& text) override { board_.post(rank_, text); }
  [[nodiscard]] bool posts_are_there() override { return !board_.posts(rank_, false).empty(); }
  std::vector<std::pair<int, std::string>> posted() override { return board_.posts(rank_, true); }
  void finish() override {}
  [[noreturn]] void abort(int status) override { std::_Exit(status); }

 private:
  Board::Key next(Lane lane) { return {lane, begun_[lane]++}; }

  Board& board_;
  int rank_;
  std::map<Lane, std::uint64_t> begun_;
};

}  // namespace

void run_ranks(int size, const std::function<void(const Communicator& ranks)>& body) {
  Board board{size};
  std::vector<std::exception_ptr> thrown(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        const ThreadLimit one{1};
        const Communicator ranks{std::make_shared<BoardTransport>(board, rank)};
        try {
          body(ranks);
        } catch (const std::exception& error) {
          ranks.fail(error.what());
          throw;
        }
        ranks.end();
      } catch (...) {
        thrown[static_cast<std::size_t>(rank)] = std::current_exception();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& exception : thrown)
    if (exception) std::rethrow_exception(exception);
}

}  // namespace keel::test
