#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "builder.hpp"
#include "keel/runtime/rng.hpp"

namespace keel::differential {

/// Case `index` of `seed`: a function of these two numbers alone.
Case generate(std::uint64_t seed, std::uint64_t index);

/// What the generators of operators draw from: the builder that they add to, and the case's random stream.
struct Draft {
  Builder& builder;
  Rng& rng;
  ValueKind kind;  ///< of most inputs of this case

  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(bound)));
  }
  bool chance(std::int64_t percent) { return below(100) < percent; }
  template <class T>
  const T& one_of(const std::vector<T>& choices) {
    return choices.at(rng.below(choices.size()));
  }

  /// An extent: 1, odd, prime, around 8 and 16; at most `highest`.
  std::int64_t extent(std::int64_t highest = 33);
  /// A shape of that many axes and at most some thousand elements, now and then more.
  Shape shape(std::size_t rank);
  /// An input of random role and the case's kind of values.
  std::size_t input(const Shape& shape);
  std::size_t input(const Shape& shape, ValueKind values);
  /// The same as a parameter, or a constant.
  std::size_t parameter(const Shape& shape);
  std::size_t constant(const Shape& shape, ValueKind values);
  std::size_t labels(std::int64_t count, std::int64_t classes);

  /// `source` where it has that many axes, any number, at least one, or those of images; else a new input.
  std::size_t of_rank(std::size_t source, std::size_t rank);
  std::size_t of_any_rank(std::size_t source);
  std::size_t with_axes(std::size_t source);
  std::size_t images(std::size_t source);
};

/// Adds one step by its name to the draft, reading `source` if it fits, else new inputs; its result.
using AddOperator = std::size_t (*)(Draft&, std::string_view name, std::size_t source);
using OperatorTable = std::map<std::string, AddOperator, std::less<>>;
// Those that have a file of their own.
void add_more(OperatorTable& table);
void add_loss_operators(OperatorTable& table);
void add_normalization_operators(OperatorTable& table);
void add_image_operators(OperatorTable& table);

/// Adds one step by `name` to the draft, reading `source` if it fits, else new inputs; its result.
std::size_t add_operator(Draft& draft, std::string_view name, std::size_t source);
/// The operators that `add_operator` knows.
const std::vector<std::string>& operator_names();
/// Adds a pattern that a fusion rule is made for.
void add_pattern(Draft& draft);

}  // namespace keel::differential
