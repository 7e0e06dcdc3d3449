#pragma once

#include <span>
#include <string>
#include <string_view>

#include "keel/tools/report/report_data.hpp"

namespace keel::tools {

/// The whole page.
std::string html_page(const ReportData& data);

/// A section of it: claim, verdict, effect and one picture, and the rest to be unfolded.
std::string html_section(const ReportData& data, const Section& section);

/// What a reader has to know before the verdicts: what was run, on what, by which rules, and what went wrong.
std::string html_facts(const ReportData& data);
std::string html_protocol(const ReportData& data);
std::string html_troubles(std::span<const RunResult> runs);

/// All claims with their verdicts, and how many findings of each study hold.
std::string html_verdicts(const ReportData& data);

/// A section's findings; the effects of one that judges nothing.
std::string html_findings(const Section& section);
std::string html_differences(const Section& section);
/// The verdicts on findings if something had been chosen otherwise, a row each; `names` stand before them.
std::string html_other_verdicts(std::span<const Finding> findings, std::span<const OtherVerdicts> others,
                                std::span<const std::string> names);

/// A figure with its title, legend and caption.
std::string html_figure(const Figure& figure, std::string_view data_name);
/// A table with its title above. `listing`: of words, each row of which stands by itself on a phone.
std::string html_table(const Table& table, bool listing = false);

/// The verdict in words, with a symbol and a colour.
std::string html_verdict(Verdict verdict);
/// A finding's mean and interval.
std::string html_effect(const Finding& finding);
/// A cell of a table with the p value that the verdict rests on.
std::string html_p_cell(const Finding& finding);
/// Direction and size that a rule asks for: "at least 1.2 times", "above 0".
std::string asked_text(const Endpoint& endpoint);
/// How the findings of a section came out: "3 of 5 hold, 1 against".
std::string counts_text(std::span<const Finding> findings);

}  // namespace keel::tools
