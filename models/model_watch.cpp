#include "keel/models/model_watch.hpp"

#include <fmt/format.h>

#include <cstddef>

#include "keel/models/call.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

void ModelWatch::start() {
  const auto parts = parts_();
  detail::parameters_of(parts);  // throws where two of them have one path
  seen_.clear();
  visited_.clear();
  can_be_followed_ = false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].parameter != nullptr) visited_.push_back(parts[i].parameter);
    if (!parts[i].watch) continue;
    seen_.push_back({detail::path_of(parts, i), *parts[i].watch, 0});
    for (auto behind = i + 1; behind < parts.size() && detail::is_within(parts, behind, i); ++behind)
      if (parts[behind].watch) ++seen_.back().parts;
    can_be_followed_ = can_be_followed_ || i == 0 || model_.contains(parts[i].begin);
  }
}

bool ModelWatch::changed() {
  if (!parts_) detail::refuse_moved();
  bool any = false;
  bool replaced = false;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    auto& [path, watch, parts] = seen_[i];
    const auto fate = watch.look();
    any = any || fate == Presence::Fate::changed;
    if (fate == Presence::Fate::changed && parts > 0 && can_be_followed_) {
      replaced = true;
      i += parts;  // which are gone, or another's now
    }
    if (fate != Presence::Fate::moved_away && fate != Presence::Fate::destroyed) continue;
    throw Error{
        fmt::format("the model was {} after a step, or an inference, was made for it: "
                    "{} is no longer where it was; make the step anew, for the model where it stays",
                    fate == Presence::Fate::destroyed ? "destroyed" : "moved away",
                    path.empty() ? "the whole of it" : fmt::format("'{}'", path))};
  }
  // Only what is certain to be there still may be walked through.
  if (!can_be_followed_) return any;
  if (replaced) {
    start();
    return true;
  }
  visited_now_.clear();
  parameters_(visited_now_);
  if (visited_now_ == visited_) return any;
  start();
  return true;
}

}  // namespace keel
