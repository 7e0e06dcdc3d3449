#include "report_support.hpp"

#include <boost/property_tree/xml_parser.hpp>
#include <sstream>

namespace keel::test {

namespace {

// Tags that HTML leaves open are closed.
void close_tags(std::string& html, std::string_view opening) {
  for (auto at = html.find(opening); at != std::string::npos; at = html.find(opening, at)) {
    at = html.find('>', at);
    html.insert(at, 1, '/');
  }
}

}  // namespace

// Of what HTML allows beyond XML the report has only its first line and two tags without an end.
boost::property_tree::ptree parsed(const std::string& html) {
  auto text = html.substr(html.find("<html"));
  close_tags(text, "<meta ");
  close_tags(text, "<br>");
  const auto style = text.find("<style>");
  if (style != std::string::npos) text.erase(style, text.find("</style>") + 8 - style);
  std::istringstream stream{text};
  boost::property_tree::ptree tree;
  boost::property_tree::read_xml(stream, tree);
  return tree;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace keel::test
