#include "keel/models/sharded_step.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "keel/ops/dropout.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel::detail {
namespace {

// Calls `use` with the elements of an f32 or f64 tensor.
template <class Use>
void with_numbers(const Tensor& tensor, const Use& use) {
  if (tensor.dtype() == DType::f64)
    use(tensor.data<double>());
  else
    use(tensor.data<float>());
}

void append(std::vector<double>& flat, const Tensor& tensor, double weight) {
  with_numbers(tensor, [&](auto numbers) {
    for (const auto number : numbers) flat.push_back(weight * static_cast<double>(number));
  });
}

// The lower word of how many draws a stream has had.
std::uint32_t draws_of(const Tensor& stream) {
  return static_cast<std::uint32_t>(stream.data<std::int32_t>()[2]);
}

bool is_stream(const Tensor& value) {
  return value.type() == ValueType{Shape{dropout_stream_words}, DType::s32};
}

void copy(const Tensor& from, const Tensor& to) {
  std::copy_n(from.bytes(), from.type().bytes(), to.bytes());
}

}  // namespace

Tensor rows_of(const Tensor& tensor, std::int64_t begin, std::int64_t end) {
  const auto all = tensor.shape().extents();
  std::vector<std::int64_t> extents(all.begin(), all.end());
  extents.front() = end - begin;
  Tensor part{Shape{extents}, tensor.dtype()};
  const auto row = tensor.type().bytes() / static_cast<std::size_t>(all.front());
  std::copy_n(tensor.bytes() + static_cast<std::size_t>(begin) * row, part.type().bytes(), part.bytes());
  return part;
}

ShardSums::ShardSums(const ShardedStepOptions& options, const SourceLocation& where)
    : options_(options), where_(where) {
  const auto shards = options.shards;
  const int ranks = options.ranks.size();
  if (shards < 1 || !std::has_single_bit(static_cast<std::uint64_t>(shards)) || shards % ranks != 0) {
    throw Error{fmt::format(
        "a step in {} at {} over {}: the shards must be a power of two that the number of ranks divides",
        counted(shards, "shard"), describe(where), counted(ranks, "rank"))};
  }
}

// Statistics that are frozen are the same in every shard, and so is their mean.
void ShardSums::follow(std::vector<NamedParameter> parameters) {
  trained_.clear(), statistics_.clear(), streams_.clear();
  result_.grads.clear();
  for (auto& named : parameters) {
    auto& parameter = *named.parameter;
    if (parameter.kind() == Parameter::Kind::trained) {
      trained_.push_back(std::move(named));
      continue;
    }
    const auto& values = values_of(named);
    const bool is_state = parameter.kind() == Parameter::Kind::state;
    if (is_state && !is_stream(values)) {
      throw Error{fmt::format(
          "a step in shards at {}: '{}', {}, is a state that shards would each change on their own, and keel can bring "
          "together only the random streams of dropout",
          describe(where_), named.path, to_string(values.type()))};
    }
    (is_state ? streams_ : statistics_).push_back({&parameter, values.clone()});
  }
}

void ShardSums::begin(std::span<const Tensor> batch) {
  sums_.clear();
  for (auto* kept : {&statistics_, &streams_})
    for (auto& [parameter, before] : *kept) copy(parameter->value(), before);
  for (const auto& tensor : batch) {
    if (tensor.shape().rank() > 0 && tensor.shape()[0] == batch[0].shape()[0]) continue;
    throw ShapeError{fmt::format(
        "a step in shards at {}: {} and {} are given, and shards are cut from inputs and targets that have as many rows "
        "each",
        describe(where_), to_string(batch[0].type()), to_string(tensor.type()))};
  }
  share_out(batch[0].shape()[0]);
}

void ShardSums::share_out(std::int64_t own) {
  std::array all{static_cast<double>(own)};
  options_.ranks.all_reduce(all, "the rows of a batch");
  all_rows_ = static_cast<std::int64_t>(all[0]);
  const auto rank = options_.ranks.rank();
  const auto ranks = options_.ranks.size();
  const auto expected = all_rows_ * (rank + 1) / ranks - all_rows_ * rank / ranks;
  if (own != expected) {
    throw Error{fmt::format("rank {} has {} of a batch of {}, and its part would be {}: rows from {} to {}",
                            rank, counted(own, "row"), all_rows_, expected, all_rows_ * rank / ranks,
                            all_rows_ * (rank + 1) / ranks)};
  }
}

std::pair<std::int64_t, std::int64_t> ShardSums::rows(std::int64_t index) const {
  const auto begins = [&](std::int64_t shard) { return all_rows_ * shard / options_.shards; };
  const auto first = first_shard();
  return {begins(first + index) - begins(first), begins(first + index + 1) - begins(first)};
}

// Each shard's masks come from another part of the stream, far behind.
void ShardSums::begin_shard(std::int64_t index) {
  for (const auto& [parameter, before] : statistics_) copy(before, parameter->value());
  for (const auto& [parameter, before] : streams_) {
    copy(before, parameter->value());
    if (is_stream(before))
      parameter->value().data<std::int32_t>()[3] += static_cast<std::int32_t>(first_shard() + index);
  }
}

// Gradients and loss, by rows; statistics, of the shards' plain mean; and what the last shard drew, which has rows
// whenever any has.
std::vector<double> ShardSums::flattened(std::int64_t index, const LossAndGrads* result) const {
  std::vector<double> flat;
  const auto [begin, end] = rows(index);
  const auto weight = static_cast<double>(end - begin);
  for (const auto& [path, parameter] : trained_) {
    const auto found = result == nullptr ? decltype(result->grads.end()){} : result->grads.find(path);
    const bool has = result != nullptr && found != result->grads.end();
    flat.push_back(has ? 1.0 : 0.0);
    if (has)
      append(flat, found->second, weight);
    else
      flat.resize(flat.size() + static_cast<std::size_t>(parameter->shape().elements()));
  }
  flat.push_back(result == nullptr ? 0.0 : result->loss * weight);
  for (const auto& kept : statistics_) append(flat, kept.parameter->value(), 1.0);
  const bool last = first_shard() + index == options_.shards - 1;
  for (const auto& [parameter, before] : streams_) {
    if (is_stream(before)) flat.push_back(last ? draws_of(parameter->value()) - draws_of(before) : 0.0);
  }
  return flat;
}

// As binary numbers are counted up: two sums of as many shards become one of twice as many.
void ShardSums::add(std::int64_t index, const LossAndGrads* result) {
  sums_.emplace_back(1, flattened(index, result));
  while (sums_.size() > 1 && sums_[sums_.size() - 2].first == sums_.back().first) {
    auto& [shards, sum] = sums_[sums_.size() - 2];
    const auto& other = sums_.back().second;
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += other[i];
    shards *= 2;
    sums_.pop_back();
  }
}

const LossAndGrads& ShardSums::finish() {
  auto& sums = sums_.front().second;
  options_.ranks.all_reduce(sums, "the shards' gradients");
  take_apart(sums);
  return result_;
}

void ShardSums::take_apart(const std::vector<double>& sums) {
  const auto rows = static_cast<double>(all_rows_);
  const auto shards = static_cast<double>(options_.shards);
  auto next = sums.begin();
  const auto take = [&](const Tensor& tensor, double divisor) {
    with_numbers(tensor, [&](auto numbers) {
      using Number = typename decltype(numbers)::value_type;
      for (auto& number : numbers) number = static_cast<Number>(*next++ / divisor);
    });
  };
  for (const auto& named : trained_) {
    const bool has_gradient = *next++ > 0.0;
    if (!has_gradient) {
      next += named.parameter->shape().elements();
      result_.grads.erase(named.path);
      continue;
    }
    auto& grad = result_.grads[named.path];
    const auto type = values_of(named).type();
    if (!grad.defined() || grad.type() != type) grad = Tensor{type};
    take(grad, rows);
  }
  result_.loss = *next++ / rows;
  for (const auto& kept : statistics_) take(kept.parameter->value(), shards);
  for (const auto& [parameter, before] : streams_) {
    if (!is_stream(before)) continue;
    const auto draws = draws_of(before) + static_cast<std::uint32_t>(*next++);
    copy(before, parameter->value());
    const auto words = parameter->value().data<std::int32_t>();
    words[2] = static_cast<std::int32_t>(draws);
    if (draws < draws_of(before)) ++words[3];
  }
}

void ShardSums::undo() {
  for (auto* kept : {&statistics_, &streams_})
    for (auto& [parameter, before] : *kept) copy(before, parameter->value());
}

}  // namespace keel::detail
