#include "keel/runtime/rank_protocol.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <thread>

#include "keel/runtime/communicator.hpp"

namespace keel {

double rank_timeout() {
  constexpr double by_default = 300.0;
  const char* text = std::getenv("KEEL_RANK_TIMEOUT");
  if (text == nullptr) return by_default;
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (end != text && *end == '\0' && seconds > 0.0 && seconds <= longest_timeout) return seconds;
  throw Error{fmt::format("KEEL_RANK_TIMEOUT must be a number of seconds above 0 and up to {:.0f}, not '{}'",
                          longest_timeout, text)};
}

}  // namespace keel

namespace keel::detail {
namespace {

constexpr std::string_view ended_by_failure = "failed: ";
constexpr std::string_view at_operation = "at operation ";
constexpr std::string_view verdict = "verdict: ";
constexpr std::string_view ended_in_order = "the end of the program";
constexpr std::chrono::seconds patience{3};  // for answers of ranks that are there

// FNV-1a: texts that differ have to be told apart, not kept secret.
std::uint64_t digest_of(std::string_view text) {
  std::uint64_t digest = 0xCBF29CE484222325U;
  for (const char c : text) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return digest;
}

// Ranks wait most often for microseconds, and may share a processor with the one that they wait for.
class Waiting {
 public:
  void a_moment() {
    if (++turns_ < 20'000)
      sched_yield();
    else
      std::this_thread::sleep_for(std::chrono::microseconds{100});
  }
  [[nodiscard]] bool look_around() const { return turns_ % 1000 == 0; }

 private:
  std::int64_t turns_ = 0;
};

// "rank 1", "ranks 0, 2 and 3".
std::string names_of(const std::vector<int>& ranks) {
  if (ranks.size() == 1) return fmt::format("rank {}", ranks[0]);
  return fmt::format("ranks {} and {}", fmt::join(ranks.begin(), ranks.end() - 1, ", "), ranks.back());
}

// What ranks at one place have said of themselves; nothing where they did not answer.
std::string sentence_of(const std::vector<int>& ranks, const std::string& said, double timeout) {
  const bool one = ranks.size() == 1;
  if (said.empty()) {
    return fmt::format("{} {} no sign of life (timeout: {} s)", names_of(ranks), one ? "shows" : "show",
                       timeout);
  }
  if (said.starts_with(ended_by_failure)) return fmt::format("rank {} {}", ranks[0], said);
  return fmt::format("{} {} {}", names_of(ranks), one ? "is" : "are", said);
}

std::string position(const Collective& collective) {
  const auto& what = collective.description();
  if (what.starts_with(ended_by_failure)) return what;
  return fmt::format("{}{}, {}", at_operation, collective.number(), what);
}

// A collective without any exchange but of headers.
class Meeting final : public Collective {
 public:
  explicit Meeting(std::string description) : Collective(std::move(description), this) {}

 protected:
  Operation begin_parts(Transport&) override { return nullptr; }
  Operation begin_sums(Transport&) override { return nullptr; }
};

}  // namespace

RankProtocol::RankProtocol(std::shared_ptr<Transport> transport)
    : transport_(std::move(transport)), timeout_(rank_timeout()) {}

RankProtocol::~RankProtocol() {
  try {
    if (!ended_ && parted_.empty()) end();
  } catch (const Error&) {
    // Who has not caught it from an operation does not want it now.
  }
}

void RankProtocol::require_whole() const {
  if (!parted_.empty()) throw RankError{parted_, speaker_};
}

Buffer RankProtocol::take_buffer(std::size_t bytes) {
  const auto fits = [&](const Buffer& buffer) {
    return buffer.size() >= bytes && buffer.size() <= 2 * bytes;
  };
  const auto found = std::ranges::find_if(buffers_, fits);
  if (found == buffers_.end()) return Buffer{bytes};
  Buffer buffer = std::move(*found);
  buffers_.erase(found);
  return buffer;
}

void RankProtocol::give_back(Buffer buffer) {
  constexpr std::size_t most = 16;
  if (buffers_.size() < most) buffers_.push_back(std::move(buffer));
}

void RankProtocol::begin(const std::shared_ptr<Collective>& collective) {
  require_whole();
  collective->number_ = ++begun_;
  const auto ranks = static_cast<std::size_t>(transport_->size());
  collective->headers_.resize(ranks);
  collective->headers_[static_cast<std::size_t>(transport_->rank())] = {collective->number_,
                                                                        digest_of(collective->description())};
  std::vector<std::size_t> offsets;
  for (std::size_t r = 0; r <= ranks; ++r) offsets.push_back(r * sizeof(RankHeader));
  collective->operation_ = transport_->all_gather(
      std::as_writable_bytes(std::span{collective->headers_}).data(), offsets, Lane::headers);
  under_way_.push_back(collective);
  advance();
}

// No operation overtakes one that was begun before, so that all ranks use each lane in the same order.
void RankProtocol::advance() {
  auto at_most = Phase::done;
  for (const auto& collective : under_way_) {
    while (advance(*collective, at_most)) {
    }
    at_most = collective->phase_;
  }
  while (!under_way_.empty() && under_way_.front()->phase_ == Phase::done) under_way_.pop_front();
}

// Whether it went on by a phase.
bool RankProtocol::advance(Collective& collective, Phase at_most) {
  if (collective.phase_ >= at_most || collective.phase_ == Phase::done) return false;
  if (collective.operation_ && !collective.operation_->done()) return false;
  if (collective.phase_ == Phase::headers) {
    compare(collective);
    collective.operation_ = collective.begin_parts(*transport_);
    collective.phase_ = Phase::parts;
  } else if (collective.phase_ == Phase::parts) {
    collective.operation_ = collective.begin_sums(*transport_);
    collective.phase_ = Phase::sums;
  } else {
    collective.operation_.reset();
    collective.phase_ = Phase::done;
  }
  return true;
}

void RankProtocol::compare(const Collective& collective) {
  const auto& headers = collective.headers_;
  if (std::ranges::all_of(headers, [&](const auto& header) { return header == headers[0]; })) return;
  part(position(collective), false);
}

void RankProtocol::finish(const void* key) {
  require_whole();
  const auto found =
      std::ranges::find(under_way_, key, [](const auto& collective) { return collective->key_; });
  if (found == under_way_.end()) return;  // it is done already
  const auto collective = *found;
  const auto begun = Clock::now();
  for (Waiting waiting; collective->phase_ != Phase::done; waiting.a_moment()) {
    advance();
    if (!waiting.look_around() || collective->phase_ == Phase::done) continue;
    const bool too_long = Clock::now() - begun > timeout_;
    if (too_long || transport_->posts_are_there()) part(position(*under_way_.front()), too_long);
  }
}

void RankProtocol::settle() noexcept {
  try {
    while (parted_.empty() && !under_way_.empty()) finish(under_way_.front()->key_);
  } catch (const std::exception&) {
    // The next operation throws it again.
  }
}

// Ranks tell each other where they are, and then what they make of it, which is for one that comes too late.
void RankProtocol::part(const std::string& own, bool waited) {
  const auto ranks = transport_->size();
  std::map<int, std::string> said{{transport_->rank(), own}};
  transport_->post(own);
  const auto begun = Clock::now();
  while (std::ssize(said) < ranks && Clock::now() - begun < patience) {
    for (auto& [rank, text] : transport_->posted()) {
      if (text.starts_with(verdict)) {
        const auto behind = text.find(' ', verdict.size());
        speaker_ = std::atoi(text.c_str() + verdict.size());
        parted_ = text.substr(behind + 1);
        throw RankError{parted_, speaker_};
      }
      said.emplace(rank, std::move(text));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  speaker_ = said.begin()->first;
  all_answered_ = std::ssize(said) == ranks;
  Groups groups;
  for (int rank = 0; rank < ranks; ++rank) {
    const auto& text = said[rank];
    const auto group = std::ranges::find(groups, text, &Groups::value_type::first);
    if (group == groups.end())
      groups.push_back({text, {rank}});
    else
      group->second.push_back(rank);
  }
  parted_ = text_of(groups, waited);
  if (!all_answered_) transport_->post(fmt::format("{}{} {}", verdict, speaker_, parted_));
  throw RankError{parted_, speaker_};
}

std::string RankProtocol::text_of(const Groups& groups, bool waited) const {
  std::vector<std::string> parts;
  for (const auto& [text, members] : groups) {
    parts.push_back(sentence_of(members, text, timeout_.count()));
    if (text.starts_with(ended_by_failure)) return parts.back();
  }
  return fmt::format("the {} ranks do not do the same any more{}: {}", transport_->size(),
                     waited ? " or not in time" : "", fmt::join(parts, "; "));
}

bool RankProtocol::fail(std::string_view why) noexcept {
  try {
    if (!parted_.empty() || ended_) return all_answered_;
    const auto failure = std::make_shared<Meeting>(fmt::format("{}{}", ended_by_failure, why));
    begin(failure);
    finish(failure.get());
    parted_ = failure->description();  // all have failed alike
    all_answered_ = true;
  } catch (const std::exception&) {
    // The others know, or never will.
  }
  return all_answered_;
}

// What is still under way, but for the operation at which the ranks parted, can't be taken back.
void RankProtocol::leave(int status, bool speaker) {
  if (ended_) return;
  ended_ = true;
  if (all_answered_ && under_way_.size() <= 1) return transport_->finish();
  if (!speaker) std::this_thread::sleep_for(std::chrono::seconds{1});
  transport_->abort(status);
}

void RankProtocol::end() {
  if (ended_) return;
  const auto meeting = std::make_shared<Meeting>(std::string{ended_in_order});
  begin(meeting);
  finish(meeting.get());
  ended_ = true;
  transport_->finish();
}

}  // namespace keel::detail
