#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace keel {

/// Where a bound kernel finds one value. The slot stays where it is for as long as the kernel lives; the
/// memory it names is chosen once all kernels are bound, and that of an input changes with every batch.
class Slot {
 public:
  Slot() = default;
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  [[nodiscard]] void* data() const { return data_; }

  /// Points the slot at `data`, and tells everyone who follows it.
  void point_to(void* data) {
    data_ = data;
    for (const auto& follower : followers_) follower(data);
  }

  /// Calls `follower` now and whenever the slot is pointed elsewhere.
  void follow(std::function<void(void*)> follower) {
    follower(data_);
    followers_.push_back(std::move(follower));
  }

 private:
  void* data_ = nullptr;
  std::vector<std::function<void(void*)>> followers_;
};

/// A slot seen as an array of T.
template <class T>
class SlotView {
 public:
  explicit SlotView(const Slot& slot) : slot_(&slot) {}
  [[nodiscard]] T* get() const { return static_cast<T*>(slot_->data()); }

 private:
  const Slot* slot_;
};

}  // namespace keel
