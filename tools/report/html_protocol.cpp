#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "keel/tools/report/html.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

std::size_t judged_seeds(std::span<const RunResult> runs) {
  std::set<std::uint64_t> seeds;
  for (const auto& run : runs)
    if (is_judged(run)) seeds.insert(run.settings.seed);
  return seeds.size();
}

std::string about_p(std::size_t seeds, std::size_t studies) {
  auto text = std::string{"The p values are those of the exact sign-flip test"};
  if (studies > 0) {
    text += fmt::format(
        ", corrected by Holm's method: a study's headline for the {} of this command, its other findings for each "
        "other. Intervals are the 95 % ones of each effect alone; the verdicts rest on wider ones, corrected by "
        "Bonferroni's",
        studies == 1 ? std::string{"1 study"} : fmt::format("{} studies", studies));
  }
  if (seeds >= 2 && seeds < fewest_seeds_for_a_verdict) {
    text += fmt::format("; with {} seeds even the clearest effect has p = {} before any correction", seeds,
                        short_text(std::ldexp(2.0, -static_cast<int>(seeds))));
  }
  return text + ".";
}

std::string about_verdicts() {
  std::string text;
  for (
      const auto& [verdict, when] :
      {std::pair{
           Verdict::supported,
           "when its corrected interval excludes no effect on the claimed side, p is at most 0.05, and its mean "
           "reaches the size that the rule names"},
       {Verdict::contradicted,
        "when the interval excludes no effect on the other side, and p is at most 0.05"},
       {Verdict::ruled_out,
        "when the interval lies wholly below the size named: an effect of that size is excluded"},
       {Verdict::not_shown, "otherwise, and with fewer than six seeds"}})
    text += fmt::format("<li>{} {}.</li>\n", html_verdict(verdict), when);
  return "<p>The rules were fixed before the runs. A claim is</p>\n<ul class=\"exceptions\">\n" + text +
         "</ul>\n";
}

}  // namespace

std::string html_protocol(const ReportData& data) {
  const auto studies = static_cast<std::size_t>(
      std::ranges::count_if(data.sections, [](const Section& section) { return !section.findings.empty(); }));
  auto text = fmt::format(
      "<details>\n<summary>How to read this</summary>\n<p>Runs are paired: the same seed gives all arms the same split "
      "of the data, the same starting weights of the layers that they share and the same order of samples. An effect "
      "is measured once a seed; given are its mean over the seeds (of ratios the geometric one) and its 95 % interval. "
      "{}</p>\n",
      about_p(judged_seeds(data.runs), studies));
  if (studies > 0) text += about_verdicts();
  if (std::ranges::any_of(data.runs, is_tuning))
    text +=
        "<p>Where arms differ in the learning rate that suits them, each has its own, chosen on seeds by which nothing "
        "is judged.</p>\n";
  if (std::ranges::find(data.command, "--quick") != data.command.end())
    text +=
        "<p>This was a quick run: shorter grids and fewer epochs than the experiments below describe, and fewer seeds "
        "unless they were asked for.</p>\n";
  text +=
      "<p>A run <em>diverged</em> when its loss was not finite; one whose final loss is not below that of guessing has "
      "<em>learned nothing</em>.";
  if (studies > 0)
    text +=
        " A run that never reached a target is <em>censored</em>: its effect is a bound, \"at least\" or \"at most\" so "
        "much, and is shown as one.";
  return text + "</p>\n</details>\n";
}

}  // namespace keel::tools
