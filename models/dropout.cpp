#include "keel/models/dropout.hpp"

#include <fmt/format.h>

#include "keel/ops/dropout.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

Dropout::Dropout(double rate)
    : rate_(rate),
      stream_(Shape{dropout_stream_words}, Initializer::random_stream(), Parameter::Kind::state, DType::s32) {
  if (!(rate >= 0.0 && rate < 1.0)) {
    throw Error{fmt::format("the rate of a dropout must be in [0, 1), not {}", rate)};
  }
}

Var Dropout::operator()(const Var& src, const SourceLocation& where) const {
  Tape& tape = src.tape();
  if (tape.mode() == Mode::inference || rate_ == 0.0) return src;
  return dropout(src, rate_, stream_.on(tape, "stream", where), where);
}

}  // namespace keel
