// The report as a page.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <regex>
#include <set>

#include "../../support/made_up_report.hpp"
#include "../../support/process.hpp"
#include "../../support/report_support.hpp"
#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/report.hpp"
#include "keel/tools/report/style.hpp"
#include "keel/tools/report/verdict_style.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using namespace keel::tools;  // NOLINT(google-build-using-namespace)

// What stands behind `name` in every tag.
std::vector<std::string> attributes(const std::string& html, const std::string& name) {
  std::vector<std::string> values;
  const auto opening = " " + name + "=\"";
  for (auto at = html.find(opening); at != std::string::npos; at = html.find(opening, at + 1)) {
    const auto begin = at + opening.size();
    values.push_back(html.substr(begin, html.find('"', begin) - begin));
  }
  return values;
}

BOOST_AUTO_TEST_SUITE(report_page)

BOOST_AUTO_TEST_CASE(text_is_escaped) {
  BOOST_TEST(escaped("<a href=\"x\">'&'</a>") == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  BOOST_TEST(escaped(std::string_view{"a\0b\n\x1B", 5}) == "a b  ");
  BOOST_TEST(escaped("\u00B5s") == "\u00B5s");
}

BOOST_AUTO_TEST_CASE(hyphens_of_numbers_and_between_blanks_become_minus_signs) {
  BOOST_TEST(with_minus_signs("-0.5 [-3, -.1] (-2) 1e-5 \u00B1-3") ==
             "\u22120.5 [\u22123, \u2212.1] (\u22122) 1e\u22125 \u00B1\u22123");
  BOOST_TEST(with_minus_signs("batch norm - plain") == "batch norm \u2212 plain");
  for (const auto* text : {"784-128-10", "2026-11-25", "learning-rate", "bn-2", "-", "- x", "x -", "a -b",
                           "--seed", "e-3", "he-2", ""})
    BOOST_TEST(with_minus_signs(text) == text);
  BOOST_TEST(shown("<-1>") == "&lt;\u22121&gt;");
}

BOOST_AUTO_TEST_CASE(negative_numbers_on_the_page_have_minus_signs) {
  auto results = made_up_results();
  auto& study = results["studies"][0];
  for (const auto* key : {"claim", "experiment", "caveat"}) study[key] = "From -1 to -0.5e-3.";
  for (auto& found : study["findings"]) {
    found["note"] = "it was -2";
    found["withheld"] = "it was -3";
    found["claim"] = "It is below -4.";
    found["effect"]["name"] = "a - b at -5";
  }
  const auto words = words_of(report_of(results));
  const std::regex hyphen{R"re((^|[^\w.])-[\d.])re"};
  std::smatch match;
  const bool has_hyphen = std::regex_search(words, match, hyphen);
  BOOST_TEST(!has_hyphen, (has_hyphen ? match.str() : ""));
  for (const auto* part : {"\u22121 to \u22120.5e\u22123", "it was \u22122", "it was \u22123",
                           "below \u22124", "a \u2212 b at \u22125"})
    BOOST_TEST(contains(words, part), part);
}

BOOST_AUTO_TEST_CASE(the_page_is_one_file_and_well_formed) {
  const auto html = report_of(made_up_results());
  BOOST_CHECK_NO_THROW(parsed(html));
  for (const auto* outside : {"http", "<script", "url(", " src=", " data=", " action=", "@import"})
    BOOST_TEST(!contains(html, outside), outside);
  const auto references = attributes(html, "href");
  for (const auto& target : references) {
    BOOST_REQUIRE(target.starts_with('#'));
    BOOST_TEST(contains(html, fmt::format("id=\"{}\"", target.substr(1))), target);
  }
  BOOST_TEST(!references.empty());
}

BOOST_AUTO_TEST_CASE(the_files_beside_it_are_linked) {
  const TemporaryFolder folder;
  for (const auto* name : {"results.json", "measures.csv", "other.csv"})
    std::ofstream{folder.path() / name} << "x";
  write_report(folder.path(), made_up_results(), find_made_up);
  std::set<std::string> files;
  for (const auto& target : attributes(read_file(folder.path() / "report.html"), "href"))
    if (!target.starts_with('#')) files.insert(target);
  BOOST_TEST(files == (std::set<std::string>{"measures.csv", "results.json"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(ids_are_unique) {
  std::set<std::string> ids;
  for (const auto& id : attributes(report_of(made_up_results()), "id")) BOOST_TEST(ids.insert(id).second, id);
}

BOOST_AUTO_TEST_CASE(the_page_says_everything) {
  const auto html = report_of(made_up_results());
  for (const auto* arm : {"plain", "bn"})
    BOOST_TEST(contains(html, fmt::format("</svg>{}{}</li>", arm, escaped(markup))), arm);
  for (const auto* part : {"48,000 training, 12,000 validation and 10,000 test images",
                           "75\u00A0s",
                           "2026-11-25, 22:06 UTC",
                           "keel 0.1.0, oneDNN 2.6.3",
                           "keel study made-up --data &#39;my data&#39; --quick</code>",
                           "Of 2 runs, 1 diverged, 0 learned nothing and 1 failed.",
                           "4 findings",
                           "\u2713",
                           "\u2717",
                           "\u25CB",
                           "\u2298",
                           "supported",
                           "contradicted",
                           "ruled out",
                           "not shown",
                           "at least 1.2 times",
                           "Caveat.",
                           "quick run",
                           "one seed",
                           "1 of 4 hold, 1 against, 1 ruled out"})
    BOOST_TEST(contains(html, part), part);
}

// The rule in full stands once a study; in the table there is a column of what it asks for.
BOOST_AUTO_TEST_CASE(rules_are_a_column_not_a_sentence_a_finding) {
  const auto html = report_of(made_up_results());
  const auto rule = html.find("supported when the 95 % interval");
  BOOST_REQUIRE(rule != std::string::npos);
  BOOST_TEST(html.find("supported when the 95 % interval", rule + 1) == std::string::npos);
  std::size_t rows = 0;
  for (auto at = html.find("class=\"asked\">at least 1.2 "); at != std::string::npos;
       at = html.find("class=\"asked\">at least 1.2 ", at + 1))
    ++rows;
  BOOST_TEST(rows == 4U);
}

// Claim, verdict, effect and one picture are seen at once; what is folded is printed all the same.
BOOST_AUTO_TEST_CASE(a_study_is_seen_at_a_glance_and_the_rest_unfolded) {
  const auto html = report_of(made_up_results());
  const auto section = html.substr(html.find("<section"));
  const auto fold = section.find("<details>");
  BOOST_REQUIRE(fold != std::string::npos);
  const auto glance = section.substr(0, fold);
  const auto folded = section.substr(fold);
  for (const auto* part :
       {"<h2>", "supported", "times", "class=\"chart forest", "<figure>", "p (Holm)", "class=\"mark\""})
    BOOST_TEST(contains(glance, part), part);
  BOOST_TEST(!contains(folded, "class=\"mark\""));
  BOOST_TEST(glance.find("<figure>", glance.find("<figure>") + 1) == std::string::npos);
  for (const auto* part :
       {"Caveat.", "Findings", "<figure>", "To do this part again", "How firmly", "What was trained"})
    BOOST_TEST(contains(folded, part), part);
  const auto rules = style_sheet();
  BOOST_TEST(
      contains(rules.substr(rules.find("@media print")), "::details-content{content-visibility:visible"));
}

BOOST_AUTO_TEST_CASE(what_came_out_against_the_claim_is_not_folded_away) {
  const auto html = report_of(made_up_results());
  const auto section = html.substr(html.find("<section"));
  const auto glance = section.substr(0, section.find("<details>"));
  BOOST_TEST(contains(glance, "contradicted"));
  BOOST_TEST(contains(glance, "ruled out"));
}

BOOST_AUTO_TEST_CASE(a_withheld_verdict_says_why) {
  auto results = made_up_results();
  results["studies"][0]["findings"][0]["withheld"] = "three runs met a variance of 0";
  const auto html = report_of(results);
  const auto section = html.substr(html.find("<section"));
  BOOST_TEST(contains(section.substr(0, section.find("<details>")),
                      "<b>Verdict withheld:</b> three runs met a variance of 0."));
}

// The p value that the verdict rests on, not one that is corrected for less.
BOOST_AUTO_TEST_CASE(the_p_value_is_the_one_of_the_verdict) {
  auto results = made_up_results();
  auto& effect = results["studies"][0]["findings"][0]["effect"];
  effect["p_alone"] = 0.011;
  effect["p"] = 0.022;
  effect["p_holm"] = 0.033;
  const auto words = words_of(report_of(results));
  BOOST_TEST(contains(words, "0.033"));
  BOOST_TEST(!contains(words, "0.022"));
}

BOOST_AUTO_TEST_CASE(verdicts_differ_in_more_than_colour) {
  std::set<std::string_view> names;
  std::set<std::string_view> symbols;
  std::set<std::pair<Marker, bool>> shapes;
  constexpr std::array verdicts{Verdict::supported, Verdict::contradicted, Verdict::ruled_out,
                                Verdict::not_shown};
  const auto rules = style_sheet();
  for (const auto verdict : verdicts) {
    const auto style = style_of(verdict);
    names.insert(style.name);
    symbols.insert(style.symbol);
    shapes.emplace(style.marker, style.open);
    BOOST_TEST(contains(rules, fmt::format(".{}{{color:", style.name)), style.name);
  }
  BOOST_TEST((names.size() == 4U && symbols.size() == 4U && shapes.size() == 4U));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
