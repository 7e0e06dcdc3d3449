#pragma once

// Results of a study that was never run, and the report on them.

#include <string>
#include <string_view>
#include <vector>

#include "keel/tools/findings/finding.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::test {

/// What must not reach a page as it is.
inline constexpr auto markup = R"(<script>alert("1")</script> & 'x')";

/// Finds the study "made-up", which shows what its runs hold, and judges by what its runs at the rate
/// "tuned" say.
const tools::Study* find_made_up(std::string_view name);

/// A finding judged alone, whose name and note are `markup`.
tools::Finding made_up_finding(tools::Endpoint::Scale scale, const std::vector<double>& values);

/// A results.json with one study of it, of which findings came out in each of the four ways; one run
/// diverged and one failed.
tools::Json made_up_results();

/// The page.
std::string report_of(const tools::Json& results);

/// What is read of a page: no tags, no style sheet, nothing that is to be copied (code) or is told of a
/// picture.
std::string words_of(const std::string& html);

}  // namespace keel::test
