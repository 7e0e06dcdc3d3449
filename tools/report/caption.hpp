#pragma once

#include <string>
#include <string_view>

#include "keel/tools/findings/figure.hpp"

namespace keel::tools {

/// What has to be said below a figure's title and legend so that it can be read alone: what is drawn
/// against what, of how many seeds, on which data, what bars and bands are, what its arrow marks; then its
/// note.
std::string caption_of(const Figure& figure, std::string_view data);

}  // namespace keel::tools
