#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace keel::tools {

/// What an option's value must be, for `check` of an option: returns what is wrong with a text, as words that
/// go on from the option's name ("takes a whole number from 1 to 9, not 'x'"), or nothing.
using OptionCheck = std::function<std::string(const std::string& text)>;

/// Digits alone, so that what is checked is what is read: the reader would take "010" for 8.
OptionCheck whole_number(std::int64_t low, std::int64_t high);
/// A number that is no NaN.
OptionCheck number_between(double low, double high);
/// One of some words; a near miss is told.
OptionCheck one_of(std::vector<std::string> names);
/// Anything but nothing, for names of files and folders.
OptionCheck some_text();
/// Any number of 64 bits.
OptionCheck seed_number();

}  // namespace keel::tools
