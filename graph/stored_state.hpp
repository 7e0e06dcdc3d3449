#pragma once

#include <vector>

#include "keel/graph/program.hpp"
#include "keel/runtime/tensor.hpp"

#pragma GCC visibility push(hidden)

namespace keel {

/// The stored values that programs write into (running statistics, the counter of a random stream), as they
/// were before the programs ran. Puts them back when it goes.
class StoredState {
 public:
  StoredState() = default;
  StoredState(const StoredState&) = delete;
  StoredState& operator=(const StoredState&) = delete;
  ~StoredState() { restore(); }

  /// Remembers the values that `program` writes into, after a `restore`.
  void add(const Program& program);
  /// Puts all remembered values back.
  void restore() const;
  /// Whether nothing is written into.
  [[nodiscard]] bool empty() const { return saved_.empty(); }

 private:
  struct Saved {
    Tensor storage;
    Tensor original;
  };
  std::vector<Saved> saved_;
};

}  // namespace keel

#pragma GCC visibility pop
