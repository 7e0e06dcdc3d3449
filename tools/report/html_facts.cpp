#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "keel/tools/report/html.hpp"
#include "keel/tools/report/html_text.hpp"
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

std::string value_text(const Factor& value) {
  if (value.is_word()) return value.word();
  return value.is_whole() ? fmt::format("{}", value.whole()) : short_text(value.number());
}

// A run without its seed: "learning-rate: plain, batch 64, learning rate 10".
std::string run_text(const RunSettings& settings) {
  auto text = settings.study.empty() ? settings.model : fmt::format("{}: {}", settings.study, settings.model);
  for (const auto& [name, value] : settings.factors) {
    auto words = name;
    std::ranges::replace(words, '_', ' ');
    text += fmt::format(", {} {}", words, value_text(value));
  }
  return fmt::format("{}, batch {}, learning rate {}", text, settings.batch_size,
                     short_text(settings.learning_rate));
}

}  // namespace

std::string html_facts(const ReportData& data) {
  std::string list;
  const auto add = [&](std::string_view name, const std::string& html) {
    list += fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html);
  };
  const auto seeds = distinct_seeds(data.runs);
  add("data", fmt::format("{}: {} training, {} validation and {} test images of {} × {}, {} classes; SHA-256 "
                          "<abbr title=\"{}\">{}…</abbr>",
                          escaped(data.data_name), count_text(data.train), count_text(data.validation),
                          count_text(data.test), data.height, data.width, data.classes, escaped(data.digest),
                          escaped(data.digest.substr(0, 12))));
  add("runs", fmt::format("{}; {} ({})", plural(data.runs.size(), "run"), plural(seeds.size(), "seed"),
                          seeds_text(seeds)));
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
  return fmt::format("<dl class=\"facts\">\n{}</dl>\n", list);
}

std::string html_troubles(std::span<const RunResult> runs) {
  std::size_t diverged = 0;
  std::size_t failed = 0;
  std::map<std::string, std::set<std::uint64_t>> seeds;
  std::vector<std::string> order;
  for (const auto& run : runs) {
    const bool threw = !run.error.empty();
    if (!threw && !run.diverged) continue;
    ++(threw ? failed : diverged);
    const auto text = fmt::format("{}: {}", run_text(run.settings),
                                  threw ? "failed: " + run.error : "diverged: " + run.divergence);
    if (seeds[text].empty()) order.push_back(text);
    seeds[text].insert(run.settings.seed);
  }
  if (order.empty()) return "<p>No run diverged, and none failed.</p>\n";
  std::string list;
  for (const auto& text : order)
    list += fmt::format("<li>{} (seed{} {})</li>\n", escaped(text), seeds[text].size() == 1 ? "" : "s",
                        seeds_text(seeds[text]));
  return fmt::format(
      "<details><summary>Of {}, {} diverged and {} failed.</summary>\n<ul>\n{}</ul></details>\n",
      plural(runs.size(), "run"), diverged, failed, list);
}

std::string html_protocol(const ReportData& data) {
  std::size_t findings = 0;
  for (const auto& section : data.sections) findings += section.findings.size();
  std::string text =
      "<h3>How to read this</h3>\n<p>Runs are paired: the same seed gives all arms the same split of the "
      "data, the same starting weights of the layers that they share and the same order of samples. An "
      "effect is measured once a seed; given are its mean over the seeds (of ratios the geometric one) and "
      "the 95 % interval by Student's t. Bars and bands in the pictures are such intervals.</p>\n<p>The p "
      "values are those of the exact sign-flip test";
  if (findings > 0) {
    text +=
        fmt::format(", corrected by Holm's method for the {} of this command", plural(findings, "finding"));
  }
  if (const auto seeds = distinct_seeds(data.runs).size(); seeds >= 2 && seeds < 6) {
    text += fmt::format("; with {} seeds even the clearest effect has p = {} before any correction", seeds,
                        short_text(std::ldexp(2.0, -static_cast<int>(seeds))));
  }
  text += ".</p>\n";
  if (findings > 0) {
    text +=
        "<p>A claim is <em>supported</em> when the interval excludes no effect on the claimed side and the "
        "mean reaches the size that its rule names, <em>contradicted</em> when it excludes it on the other "
        "side, and <em>not shown</em> otherwise, as with a single seed. Verdicts rest on the intervals, "
        "which are not corrected for their number. The rules were fixed before the runs.</p>\n";
  }
  if (std::ranges::find(data.command, "--quick") != data.command.end()) {
    text +=
        "<p>This was a quick run: shorter grids and fewer epochs than the experiments below describe, and "
        "fewer seeds unless they were asked for.</p>\n";
  }
  text +=
      "<p>A run <em>diverged</em> when its loss was not finite, or at the end not below that of guessing.";
  if (findings > 0) {
    text +=
        " A run that never reached a target is <em>censored</em>: it counts with the bound that its section "
        "names, and is not dropped.";
  }
  return text + "</p>\n";
}

}  // namespace keel::tools
