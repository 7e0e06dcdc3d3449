#pragma once

#include <string_view>

#include "keel/tools/findings/finding.hpp"
#include "keel/tools/report/arm_style.hpp"

namespace keel::tools {

/// How a verdict looks, in tables and in the forest plot. Each has a shape of its own besides its colour.
struct VerdictStyle {
  std::string_view name;    ///< a class of the style sheet: "ruled-out"
  std::string_view symbol;  ///< beside the word
  Marker marker;            ///< of the mean, in the forest plot
  bool open;
};

constexpr VerdictStyle style_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::supported:
      return {"supported", "\u2713", Marker::circle, false};
    case Verdict::contradicted:
      return {"contradicted", "\u2717", Marker::diamond, false};
    case Verdict::ruled_out:
      return {"ruled-out", "\u2298", Marker::square, false};
    case Verdict::not_shown:
      break;
  }
  return {"not-shown", "\u25CB", Marker::circle, true};
}

}  // namespace keel::tools
