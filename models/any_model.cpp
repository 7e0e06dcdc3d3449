#include "keel/models/any_model.hpp"

#include "keel/runtime/error.hpp"

namespace keel {

AnyModel::Held& AnyModel::held() const {
  if (held_) return *held_;
  throw Error{"an AnyModel was applied that was moved from: use the one that it was moved into"};
}

}  // namespace keel
