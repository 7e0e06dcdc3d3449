#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace keel {

/// A member of objects that others go on to refer to: parameters, optimizers, models. It tells those who watch
/// whether the object is still where it was, and still what it was; an address alone can't, since another
/// object may have taken the place. An object is changed when another is assigned to it; a copy, and an object
/// that was moved to, is a new one that nobody watches yet.
class Presence {
 public:
  /// What became of an object.
  enum class Fate : std::uint8_t { unchanged, changed, moved_away, destroyed };

  /// One who watches. Outlives the object safely.
  class Watch;

  Presence() = default;
  Presence(const Presence&) {}
  Presence(Presence&& other) noexcept { other.set(Fate::moved_away); }
  Presence& operator=(const Presence& other) {
    if (this != &other) change();
    return *this;
  }
  Presence& operator=(Presence&& other) noexcept {
    if (this == &other) return *this;
    change();
    other.set(Fate::moved_away);
    return *this;
  }
  ~Presence() { set(Fate::destroyed); }

  /// Tells everyone who watches that the object is not what it was.
  void change() noexcept {
    ++state_->changes;
    set(Fate::unchanged);
  }
  [[nodiscard]] Watch watch() const;

 private:
  struct State {
    std::uint64_t changes = 0;
    Fate fate = Fate::unchanged;
  };

  void set(Fate fate) noexcept { state_->fate = fate; }

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

class Presence::Watch {
 public:
  /// What became of the object since one looked last, or since the watch was made.
  [[nodiscard]] Fate look() {
    if (state_->fate != Fate::unchanged) return state_->fate;
    return std::exchange(changes_, state_->changes) == state_->changes ? Fate::unchanged : Fate::changed;
  }

 private:
  friend class Presence;
  explicit Watch(std::shared_ptr<const State> state) : state_(std::move(state)), changes_(state_->changes) {}

  std::shared_ptr<const State> state_;
  std::uint64_t changes_;
};

inline Presence::Watch Presence::watch() const {
  return Watch{state_};
}

}  // namespace keel
