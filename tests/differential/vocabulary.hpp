#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>

#include "keel/graph/tape.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel::differential {

/// What a step is recorded with.
struct StepContext {
  std::span<const Var> operands;
  std::span<const double> options;
  /// A stored value of the step's own: a running statistic, a random stream.
  std::function<Var(const Tensor& tensor)> stored;

  [[nodiscard]] double option(std::size_t i, double otherwise) const {
    return i < options.size() ? options[i] : otherwise;
  }
  [[nodiscard]] std::int64_t whole(std::size_t i, std::int64_t otherwise) const {
    return i < options.size() ? static_cast<std::int64_t>(options[i]) : otherwise;
  }
  /// The options from `first` on as whole numbers.
  [[nodiscard]] std::vector<std::int64_t> wholes(std::size_t first = 0) const;
};

using RecordStep = std::function<Var(const StepContext&)>;
using Words = std::map<std::string, RecordStep, std::less<>>;
// Those that have a file of their own.
void add_losses(Words& words);

using Words = std::map<std::string, RecordStep, std::less<>>;

/// How a case calls each of keel's operators, by name.
const Words& vocabulary();
/// Adds those of vocabulary_more.cpp.
void add_more(Words& words);

}  // namespace keel::differential
