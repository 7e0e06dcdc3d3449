#include "keel/graph/stored_state.hpp"

#include <algorithm>

namespace keel {

void StoredState::add(const Program& program) {
  restore();
  for (const auto& node : program.nodes) {
    for (const auto id : program.mutated_by(node)) {
      const auto& storage = program.values[id].storage;
      const bool known = std::ranges::any_of(saved_, [&](const Saved& saved) {
        return saved.storage.bytes() == storage.bytes() && saved.storage.type() == storage.type();
      });
      if (!known) saved_.push_back({storage, storage.clone()});
    }
  }
}

void StoredState::restore() const {
  for (const auto& saved : saved_) {
    std::copy_n(saved.original.bytes(), saved.original.type().bytes(), saved.storage.bytes());
  }
}

}  // namespace keel
