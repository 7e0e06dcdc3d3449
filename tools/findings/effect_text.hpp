#pragma once

#include <string>
#include <string_view>

#include "keel/tools/findings/finding.hpp"

namespace keel::tools {

/// A mean and its interval with the digits that the interval supports, and more where an end would be rounded
/// to no effect. Differences have a sign, and the unit stands behind the mean: "+0.78 points", "[+0.36, +1.19]".
/// Of a mean
/// that bounds are in: "at least 3.2 times", "[2.9, ...]" where there is no upper end; "not known" where no
/// seed tells of it.
struct EffectText {
  std::string mean;
  std::string interval;  ///< empty with one seed
};
EffectText effect_text(const Effect& effect, std::string_view unit, bool has_sign);
EffectText effect_text(const Finding& finding);

}  // namespace keel::tools
