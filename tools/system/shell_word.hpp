#pragma once

#include <string>

namespace keel::tools {

/// A word of a command line such that a shell reads it back: in quotes where it has to be.
std::string shell_word(const std::string& word);

}  // namespace keel::tools
