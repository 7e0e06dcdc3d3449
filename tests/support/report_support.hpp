#pragma once

// What the tests of the report share.

#include <boost/property_tree/ptree.hpp>
#include <string>
#include <string_view>

namespace keel::test {

/// A page, or "<html>...</html>" around a part of one. Throws where tags are not balanced or text is not
/// escaped.
boost::property_tree::ptree parsed(const std::string& html);

bool contains(const std::string& text, std::string_view part);

}  // namespace keel::test
