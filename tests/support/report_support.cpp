#include "report_support.hpp"

#include <boost/property_tree/xml_parser.hpp>
#include <regex>
#include <sstream>

namespace keel::test {

// Of what HTML allows beyond XML the report has only its first line and two tags without an end.
boost::property_tree::ptree parsed(const std::string& html) {
  auto text = std::regex_replace(html, std::regex{"<(meta [^>]*|br)>"}, "<$1/>");
  text = std::regex_replace(text, std::regex{"<style>[^<]*</style>"}, "");
  std::istringstream stream{text.substr(text.find("<html"))};
  boost::property_tree::ptree tree;
  boost::property_tree::read_xml(stream, tree);
  return tree;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace keel::test
