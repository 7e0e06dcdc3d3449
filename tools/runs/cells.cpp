#include "keel/tools/runs/cells.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/findings/effect_text.hpp"

namespace keel::tools {

std::vector<Finding> judge_cells(const Endpoint& endpoint, std::span<const Cell> cells) {
  std::vector<Finding> findings;
  for (const auto& cell : cells) {
    if (cell.values.empty()) continue;
    auto own = endpoint;
    own.name = cell.name;
    findings.push_back(judge(own, cell.values));
  }
  std::vector<Finding*> all;
  for (auto& finding : findings) all.push_back(&finding);
  correct_by_holm(all);
  return findings;
}

std::string cell_count(std::span<const Finding> cells) {
  const auto supported = std::ranges::count(cells, Verdict::supported, &Finding::verdict);
  const auto against = std::ranges::count(cells, Verdict::contradicted, &Finding::verdict);
  return fmt::format("{} of {} cell{} hold{}, {} {} against", supported, cells.size(),
                     cells.size() == 1 ? "" : "s", supported == 1 ? "s" : "", against,
                     against == 1 ? "speaks" : "speak");
}

namespace {

// With few seeds the sign-flip test's p can't be small enough for so many cells.
std::string too_few_seeds(std::span<const Finding> cells) {
  if (cells.empty()) return "";
  const auto seeds = cells.front().values.size();
  const double least = std::ldexp(2.0, -static_cast<int>(seeds)) * static_cast<double>(cells.size());
  return least <= 0.05 ? "" : fmt::format(" (corrected for each other, none can with {} seeds)", seeds);
}

}  // namespace

Table cell_table(const std::string& title, const Endpoint& endpoint, std::span<const Cell> cells) {
  const auto findings = judge_cells(endpoint, cells);
  Table table{.title = fmt::format("{}: {}{}", title, cell_count(findings), too_few_seeds(findings)),
              .header = {"", "effect", "95 % interval", "verdict"}};
  for (const auto& finding : findings) {
    const auto text = effect_text(finding);
    table.rows.push_back(
        {finding.endpoint.name, text.mean, text.interval, std::string{name_of(finding.verdict)}});
  }
  return table;
}

}  // namespace keel::tools
