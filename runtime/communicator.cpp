#include "keel/runtime/communicator.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/runtime/rank_protocol.hpp"
#include "keel/runtime/shape.hpp"
#include "keel/runtime/transport.hpp"
#include "keel/runtime/tree_sum.hpp"

namespace keel {
namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 30U;  // of one exchange
// Large arrays are summed up piece by piece, of which one is exchanged while another is added up.
constexpr std::size_t piece_bytes = std::size_t{1} << 22U;
constexpr std::size_t text_piece_bytes = std::size_t{1} << 24U;
// Up to so many bytes from all ranks together are a small sum.
constexpr std::size_t few_bytes = std::size_t{1} << 15U;

// `count` elements dealt out to `ranks`, in bytes.
std::vector<std::size_t> dealt_out(std::size_t count, std::size_t ranks, std::size_t element) {
  std::vector<std::size_t> offsets;
  for (std::size_t r = 0; r <= ranks; ++r) offsets.push_back(count * r / ranks * element);
  return offsets;
}

// Every rank gets the others' values of its own part, adds these up, and gives the sums to all.
template <class T>
class Sum final : public detail::Collective {
 public:
  Sum(std::span<T> values, std::string description, detail::RankProtocol& protocol)
      : Collective(std::move(description), values.data()), values_(values), protocol_(protocol) {}

 protected:
  Operation begin_parts(Transport& transport) override {
    const auto ranks = static_cast<std::size_t>(transport.size());
    const auto rank = static_cast<std::size_t>(transport.rank());
    if (is_small(ranks)) {
      received_ = protocol_.take_buffer(ranks * values_.size_bytes());
      std::ranges::copy(values_, received() + rank * values_.size());
      offsets_ = dealt_out(ranks * values_.size(), ranks, sizeof(T));
      return transport.all_gather(received_.data(), offsets_, Lane::parts);
    }
    offsets_ = dealt_out(values_.size(), ranks, sizeof(T));
    received_ = protocol_.take_buffer((ranks - 1) * own_part(rank).size_bytes());
    return transport.all_to_all(std::as_bytes(values_).data(), received_.data(), offsets_, Lane::parts);
  }

  Operation begin_sums(Transport& transport) override {
    const auto ranks = static_cast<std::size_t>(transport.size());
    const auto rank = static_cast<std::size_t>(transport.rank());
    const bool small = is_small(ranks);
    const auto own = small ? values_ : own_part(rank);
    std::vector<T*> arrays;
    for (std::size_t r = 0; r < ranks; ++r) {
      const auto place = small || r < rank ? r : r - 1;
      arrays.push_back(!small && r == rank ? own.data() : received() + place * own.size());
    }
    loops::add_by_tree(std::span<T* const>{arrays}, own.size(), own.data());
    protocol_.give_back(std::move(received_));
    if (small) return nullptr;
    return transport.all_gather(std::as_writable_bytes(values_).data(), offsets_, Lane::sums);
  }

 private:
  // All of them then go to every rank: one exchange instead of two.
  [[nodiscard]] bool is_small(std::size_t ranks) const { return values_.size_bytes() * ranks <= few_bytes; }
  [[nodiscard]] T* received() { return reinterpret_cast<T*>(received_.data()); }
  [[nodiscard]] std::span<T> own_part(std::size_t rank) const {
    const auto first = offsets_[rank] / sizeof(T);
    return values_.subspan(first, offsets_[rank + 1] / sizeof(T) - first);
  }

  std::span<T> values_;
  detail::RankProtocol& protocol_;
  std::vector<std::size_t> offsets_;
  Buffer received_;
};

template <class T, class Each>
void for_each_piece(std::span<T> values, const Each& each) {
  constexpr auto longest = piece_bytes / sizeof(T);
  for (std::size_t first = 0; first < values.size(); first += longest)
    each(values.subspan(first, std::min(longest, values.size() - first)));
}

// Lengths first, then the bytes.
class Gathering final : public detail::Collective {
 public:
  Gathering(std::string_view own, std::string description)
      : Collective(std::move(description), this), own_(own) {}

  [[nodiscard]] std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (std::size_t r = 0; r + 1 < offsets_.size(); ++r)
      texts.emplace_back(bytes_.substr(offsets_[r], offsets_[r + 1] - offsets_[r]));
    return texts;
  }

 protected:
  Operation begin_parts(Transport& transport) override {
    const auto ranks = static_cast<std::size_t>(transport.size());
    lengths_.resize(ranks);
    lengths_[static_cast<std::size_t>(transport.rank())] = own_.size();
    offsets_ = dealt_out(ranks, ranks, sizeof(std::uint64_t));
    return transport.all_gather(std::as_writable_bytes(std::span{lengths_}).data(), offsets_, Lane::parts);
  }

  Operation begin_sums(Transport& transport) override {
    offsets_ = {0};
    for (const auto length : lengths_) offsets_.push_back(offsets_.back() + length);
    if (offsets_.back() > most_bytes) {
      throw Error{fmt::format("{} of {} bytes: the ranks can exchange {} at once", description(),
                              offsets_.back(), most_bytes)};
    }
    bytes_.resize(offsets_.back());
    std::ranges::copy(own_, bytes_.begin() + static_cast<std::ptrdiff_t>(
                                                 offsets_[static_cast<std::size_t>(transport.rank())]));
    return transport.all_gather(std::as_writable_bytes(std::span{bytes_}).data(), offsets_, Lane::sums);
  }

 private:
  std::string_view own_;
  std::vector<std::uint64_t> lengths_;
  std::vector<std::size_t> offsets_;
  std::string bytes_;
};

detail::RankProtocol* protocol_of(const std::shared_ptr<void>& protocol) {
  return static_cast<detail::RankProtocol*>(protocol.get());
}

template <class T>
void begin(const std::shared_ptr<void>& shared, std::span<T> values, std::string_view what) {
  auto* protocol = protocol_of(shared);
  if (protocol == nullptr) return;
  const auto description =
      fmt::format("the sum of {}, {} of {}", what, values.size(), name_of(dtype_of<T>()));
  for_each_piece(values, [&](std::span<T> piece) {
    protocol->begin(std::make_shared<Sum<T>>(piece, description, *protocol));
  });
}

template <class T>
void finish(const std::shared_ptr<void>& shared, std::span<T> values) {
  auto* protocol = protocol_of(shared);
  if (protocol == nullptr) return;
  for_each_piece(values, [&](std::span<T> piece) { protocol->finish(piece.data()); });
}

}  // namespace

Communicator::Communicator(std::shared_ptr<Transport> transport) {
  if (transport->size() > 1) protocol_ = std::make_shared<detail::RankProtocol>(std::move(transport));
}

int Communicator::rank() const {
  return protocol_ ? protocol_of(protocol_)->transport().rank() : 0;
}

int Communicator::size() const {
  return protocol_ ? protocol_of(protocol_)->transport().size() : 1;
}

void Communicator::begin_all_reduce(std::span<float> values, std::string_view what) const {
  begin(protocol_, values, what);
}
void Communicator::begin_all_reduce(std::span<double> values, std::string_view what) const {
  begin(protocol_, values, what);
}
void Communicator::finish_all_reduce(std::span<float> values) const {
  finish(protocol_, values);
}
void Communicator::finish_all_reduce(std::span<double> values) const {
  finish(protocol_, values);
}
void Communicator::all_reduce(std::span<float> values, std::string_view what) const {
  begin(protocol_, values, what);
  finish(protocol_, values);
}
void Communicator::all_reduce(std::span<double> values, std::string_view what) const {
  begin(protocol_, values, what);
  finish(protocol_, values);
}

void Communicator::settle() const noexcept {
  if (protocol_) protocol_of(protocol_)->settle();
}

std::vector<std::string> Communicator::all_gather(std::string_view bytes, std::string_view what) const {
  if (!protocol_) return {std::string{bytes}};
  const auto gathering = std::make_shared<Gathering>(bytes, fmt::format("the exchange of {}", what));
  protocol_of(protocol_)->begin(gathering);
  protocol_of(protocol_)->finish(gathering.get());
  return gathering->texts();
}

std::string Communicator::from_first(std::string_view bytes, std::string_view what) const {
  if (!protocol_) return std::string{bytes};
  if (rank() != 0) bytes = {};
  const auto gathered = all_gather(std::to_string(bytes.size()), fmt::format("the size of {}", what));
  const std::size_t size = std::stoull(gathered[0]);
  std::string first;
  first.reserve(size);
  while (first.size() < size) {
    const auto piece = bytes.substr(std::min(bytes.size(), first.size()), text_piece_bytes);
    first += all_gather(piece, what)[0];
  }
  return first;
}

bool Communicator::fail(std::string_view why) const noexcept {
  return protocol_ && protocol_of(protocol_)->fail(why);
}

bool Communicator::all_know_failure() const {
  return protocol_ && protocol_of(protocol_)->all_know_failure();
}

void Communicator::end() const {
  if (protocol_) protocol_of(protocol_)->end();
}

void Communicator::leave(int status, bool speaker) const {
  if (protocol_) protocol_of(protocol_)->leave(status, speaker);
}

void Communicator::set_timeout(double seconds) const {
  if (!(seconds > 0.0 && seconds <= longest_timeout)) {
    throw Error{fmt::format("ranks are waited for for a number of seconds above 0 and up to {:.0f}, not {}",
                            longest_timeout, seconds)};
  }
  if (protocol_) protocol_of(protocol_)->set_timeout(seconds);
}

}  // namespace keel
