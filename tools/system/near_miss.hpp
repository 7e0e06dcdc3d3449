#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace keel::tools {

/// The least number of letters to insert, leave out, replace or swap with their neighbour to make one word of
/// the other (optimal string alignment; Damerau 1964).
std::size_t edits_between(std::string_view a, std::string_view b);

/// The one of `names` that `word` was most likely meant to be: with the fewest edits, no more than a third of
/// its letters, or one that it is the beginning of. None if there is none like it.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> names);

/// " (did you mean 'depth'?)", or nothing where nothing is near.
std::string suggestion(std::string_view word, std::span<const std::string> names);

}  // namespace keel::tools
