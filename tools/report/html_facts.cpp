#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "keel/tools/report/html.hpp"
#include "keel/tools/report/html_text.hpp"
#include "keel/tools/report/settings_text.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {
namespace {

std::string plural(std::size_t count, std::string_view one) {
  return fmt::format("{} {}{}", count_text(static_cast<std::int64_t>(count)), one, count == 1 ? "" : "s");
}

// "1", "1 to 10", "1, 4, 9".
std::string seeds_text(const std::set<std::uint64_t>& seeds) {
  if (seeds.size() > 2 && *seeds.rbegin() - *seeds.begin() == seeds.size() - 1)
    return fmt::format("{} to {}", *seeds.begin(), *seeds.rbegin());
  return fmt::format("{}", fmt::join(seeds, ", "));
}

std::set<std::uint64_t> distinct_seeds(std::span<const RunResult> runs) {
  std::set<std::uint64_t> seeds;
  for (const auto& run : runs) seeds.insert(run.settings.seed);
  return seeds;
}

// "2026-11-25T22:19:20Z" as "2026-11-25, 22:19 UTC".
std::string time_text(const std::string& started) {
  if (started.size() != 20 || started[10] != 'T' || started[19] != 'Z') return started;
  return fmt::format("{}, {} UTC", started.substr(0, 10), started.substr(11, 5));
}

// The settings that all runs have in common; empty where they differ.
std::string what_all_have(std::span<const RunResult> runs) {
  std::set<std::string> texts;
  for (const auto& run : runs) {
    const auto& settings = run.settings;
    texts.insert(fmt::format("{}; learning rate {}, batch {}, {}", optimizer_text(settings),
                             short_text(settings.learning_rate), settings.batch_size,
                             plural(run.epochs.size(), "epoch")));
  }
  return texts.size() == 1 ? *texts.begin() : "";
}

// Of the judged runs the seeds, and how many runs there are besides.
std::string runs_text(std::span<const RunResult> runs) {
  const auto judged = runs_of(runs, is_judged);
  const auto seeds = distinct_seeds(judged);
  auto text = fmt::format("{}; {} ({})", plural(judged.size(), "run"), plural(seeds.size(), "seed"),
                          seeds_text(seeds));
  const auto tuning = runs_of(runs, is_tuning).size();
  if (tuning > 0)
    text += fmt::format("; {} more that only chose learning rates",
                        count_text(static_cast<std::int64_t>(tuning)));
  if (const auto others = runs.size() - judged.size() - tuning; others > 0)
    text += fmt::format("; {} repeated in double precision", count_text(static_cast<std::int64_t>(others)));
  return text;
}

// The network of `keel compare`: "784-128-10 with ReLU; SGD, momentum 0.9; ...".
std::string network_text(const ReportData& data) {
  auto text = fmt::format("{}", data.height * data.width);
  for (const auto width : data.runs.front().settings.hidden) text += fmt::format("-{}", width);
  text += fmt::format("-{} with ReLU", data.classes);
  const auto common = what_all_have(data.runs);
  return common.empty() ? text : text + "; " + common;
}

std::string links(std::span<const std::string> files) {
  std::string html;
  for (const auto& file : files)
    html += fmt::format("{}<a href=\"{}\">{}</a>", html.empty() ? "" : ", ", escaped(file), escaped(file));
  return html;
}

}  // namespace

std::string html_facts(const ReportData& data) {
  std::string list;
  const auto add = [&](std::string_view name, const std::string& html) {
    list += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html);
  };
  add("data", fmt::format("{}: {} training, {} validation and {} test images of {} × {}, {} classes; SHA-256 "
                          "<abbr title=\"{}\">{}…</abbr>",
                          escaped(data.data_name), count_text(data.train), count_text(data.validation),
                          count_text(data.test), data.height, data.width, data.classes, escaped(data.digest),
                          escaped(data.digest.substr(0, 12))));
  add("runs", runs_text(data.runs));
  if (data.sections.size() == 1 && data.sections[0].name.empty() && !data.runs.empty())
    add("network", escaped(network_text(data)));
  std::string line;
  for (const auto& word : data.command) line += (line.empty() ? "" : " ") + word;
  add("command", fmt::format("<code>{}</code>", escaped(line)));
  add("when",
      fmt::format("{}; took {} with {}", escaped(time_text(data.started)), seconds_text(data.seconds),
                  plural(static_cast<std::size_t>(std::max<std::int64_t>(data.threads, 0)), "thread")));
  add("made with",
      fmt::format("keel {}, oneDNN {}{}; {}", escaped(data.keel), escaped(data.onednn),
                  data.instruction_set.empty() ? "" : fmt::format(" ({})", escaped(data.instruction_set)),
                  escaped(data.cpu)));
  if (!data.files.empty()) add("all numbers", links(data.files));
  return fmt::format("<dl class=\"facts\">\n{}</dl>\n", list);
}

std::string html_troubles(std::span<const RunResult> runs) {
  std::size_t diverged = 0;
  std::size_t unlearned = 0;
  std::size_t failed = 0;
  std::map<std::string, std::set<std::uint64_t>> seeds;
  std::vector<std::string> order;
  for (const auto& run : runs) {
    std::string what;
    if (!run.error.empty())
      ++failed, what = "failed: " + run.error;
    else if (run.diverged)
      ++diverged, what = "diverged: " + run.divergence;
    else if (!run.not_learned.empty())
      ++unlearned, what = "not learned: " + run.not_learned;
    if (what.empty()) continue;
    const auto text = fmt::format("{}: {}", run_text(run.settings), what);
    if (seeds[text].empty()) order.push_back(text);
    seeds[text].insert(run.settings.seed);
  }
  if (order.empty()) return "<p>Every run learned something.</p>\n";
  std::string list;
  for (const auto& text : order)
    list += fmt::format("<li>{} (seed{} {})</li>\n", shown(text), seeds[text].size() == 1 ? "" : "s",
                        seeds_text(seeds[text]));
  return fmt::format(
      "<details class=\"ill\"><summary>Of {}, {} diverged, {} learned nothing and {} "
      "failed.</summary>\n<ul>\n{}</ul></details>\n",
      plural(runs.size(), "run"), diverged, unlearned, failed, list);
}

}  // namespace keel::tools
