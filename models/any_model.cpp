#include "keel/models/any_model.hpp"

#include <fmt/format.h>

#include "keel/graph/tape.hpp"
#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

// One that is no more may have been a temporary of the recording.
void detail::follow(const Var& src, const Presence& presence) {
  src.tape().depend_on(
      [watch = presence.watch()]() mutable { return watch.look() == Presence::Fate::changed; });
}

AnyModel::Held& AnyModel::held() const {
  if (held_) return *held_;
  throw Error{"an AnyModel was applied that was moved from: use the one that it was moved into"};
}

AnyModel& Layers::operator[](std::size_t index) {
  if (index < layers_.size()) return layers_[index];
  throw Error{fmt::format("there is no Layers[{}]: there are {}, counted from 0", index,
                          counted(layers_.size(), "layer"))};
}

}  // namespace keel
