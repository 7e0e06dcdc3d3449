#pragma once

#include <cstdint>

#include "keel/graph/var.hpp"
#include "keel/runtime/source_location.hpp"

namespace keel {

/// Words of s32 in the random stream that `dropout` draws from: a key of two, then a count of two, the lower
/// one first.
inline constexpr std::int64_t dropout_stream_words = 4;

/// Inverted dropout (Srivastava et al. 2014): dst = src * mask / (1 - rate), where each element of the mask
/// is 0 with probability `rate`, else 1. src of any shape, f32 or f64; rate in [0, 1), resolved to 2^-32.
///
/// `stream` is a stored s32 value of shape (4) which each run of the plan advances by one. The mask is a
/// function of the stream's key and count, and of each element's place in row-major order, alone: not of
/// threads, element type, or whether the program is replayed or was recorded anew. Applied several times to
/// one stream, it draws a mask for each; each rank of the tape draws masks of its own. Throws ShapeError for other streams and rates.
Var dropout(const Var& src, double rate, const Var& stream,
            const SourceLocation& where = SourceLocation::current());

}  // namespace keel
