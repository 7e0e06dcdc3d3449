#pragma once

#include <array>
#include <vector>

namespace keel::tools {

/// A place in a glyph's box or in an image: x to the right, y down.
struct StrokePoint {
  double x = 0;
  double y = 0;
};

/// A point that the pen passes through, in hundredths of the glyph's height.
struct ControlPoint {
  double x = 0;
  double y = 0;
  bool corner = false;  ///< the pen changes direction here at once instead of in a curve
};

/// What the pen draws without being lifted.
using Stroke = std::vector<ControlPoint>;

/// One way of writing a digit, in a box from (0, 0) to (100, 100).
struct Glyph {
  double weight = 1;  ///< how often it is written, relative to the other ways of writing the digit
  std::vector<Stroke> strokes;
};

/// The ways of writing each digit, 0 to 9.
using Alphabet = std::array<std::vector<Glyph>, 10>;

/// The built-in handwriting: three to five glyphs a digit.
Alphabet digit_alphabet();

/// The stroke as points close enough together to be joined by straight lines: through each run of control
/// points between corners, the curve of Catmull and Rom (1974).
std::vector<StrokePoint> flatten(const Stroke& stroke);

}  // namespace keel::tools
