#pragma once

#include "keel/graph/tape.hpp"
#include "keel/models/parameter.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Inverted dropout (Srivastava et al. 2014). On a training tape each element is zeroed with probability
/// `rate`, in [0, 1), and the others are divided by 1 - rate; on an inference tape nothing happens. The masks
/// follow from the seed that the model is initialized with, the layer's path and the number of steps so far.
class Dropout {
 public:
  /// Throws Error when the rate is out of range.
  explicit Dropout(double rate = 0.5);

  Var operator()(const Var& src, const SourceLocation& where = SourceLocation::current()) const;

  void visit(auto&& each) { each("stream", stream_); }
  void visit_settings(auto&& each) const { each("rate", rate_); }

 private:
  double rate_;
  Parameter stream_;
};

}  // namespace keel
