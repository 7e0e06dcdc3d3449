#pragma once

#include <span>
#include <string>
#include <string_view>

#include "keel/tools/report/report_data.hpp"

namespace keel::tools {

/// The whole page.
std::string html_page(const ReportData& data);

/// A section of it.
std::string html_section(const Section& section);

/// What a reader has to know before the verdicts: what was run, on what, by which rules, and what went wrong.
std::string html_facts(const ReportData& data);
std::string html_protocol(const ReportData& data);
std::string html_troubles(std::span<const RunResult> runs);

/// The verdict in words, with a symbol and a colour.
std::string html_verdict(Verdict verdict);
/// A finding's mean and interval.
std::string html_effect(const Finding& finding);
/// A cell of a table with a p value.
std::string html_p_cell(const Finding& finding);

}  // namespace keel::tools
