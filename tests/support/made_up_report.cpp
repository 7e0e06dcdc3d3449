#include "made_up_report.hpp"

#include <fmt/format.h>

#include <cmath>

#include "keel/tools/data/image_set.hpp"
#include "keel/tools/findings/finding_json.hpp"
#include "keel/tools/report/report.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "process.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

class MadeUpStudy : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "made-up"; }
  [[nodiscard]] std::string claim() const override { return "Made up."; }
  [[nodiscard]] std::string experiment() const override { return "None."; }
  [[nodiscard]] std::string caveat() const override { return "All of it."; }
  [[nodiscard]] std::vector<Job> jobs(const StudyScale&) const override { return {}; }
  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto arm = [&](const char* model) {
      return by_seed(runs, of_model(model) && with_factor("rate", "tuned"), final_accuracy);
    };
    return {
        tools::judge({.name = "accuracy, batch norm - plain", .claim = "It works.", .unit = "points"},
                     pairwise(arm("plain"), arm("bn"), [](double a, double b) { return 100.0 * (b - a); }))};
  }
  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    Figure figure{fmt::format("Loss {}", markup), {"epoch"}, {"loss (nats)"}};
    for (const auto& run : runs) {
      Series series{run.settings.model, run.settings.model + markup};
      for (const auto& epoch : run.epochs) {
        series.points.push_back({static_cast<double>(epoch.epoch), epoch.train_loss, 0.9 * epoch.train_loss,
                                 1.1 * epoch.train_loss, 1});
      }
      figure.series.push_back(series);
    }
    figure.levels = {{1.0, "a level 'of' `date` \\n"}};
    auto marked = figure;
    marked.mark = Mark{1.0, 0.5, 3.0, 0.5, "marked"};
    return {figure, marked};
  }
  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    return {{"Models", {"model", "parameters"}, {{runs.front().settings.factors.at("word").word(), "-1"}}}};
  }
};

}  // namespace

const Study* find_made_up(std::string_view name) {
  static const MadeUpStudy study;
  return name == study.name() ? &study : nullptr;
}

Finding made_up_finding(Endpoint::Scale scale, const std::vector<double>& values) {
  auto result = judge({.name = fmt::format("effect {}", markup),
                       .claim = "It works.",
                       .unit = scale == Endpoint::Scale::ratio ? "times" : "points",
                       .scale = scale,
                       .least = 1.2},
                      values, markup);
  return result;
}

Json made_up_results() {
  Json runs = Json::array();
  for (const char* model : {"plain", "bn"}) {
    RunResult run{.settings = {.study = "made-up", .model = model}, .parameters = 10};
    run.settings.factors.set("word", markup);
    for (int epoch = 1; epoch <= 3; ++epoch) run.epochs.push_back({epoch, 10, 0.1, 1.0 / epoch, {0.5, 0.9}});
    run.epochs[1].train_loss = model == std::string_view{"bn"} ? 0.4 : std::nan("");
    run.test = Evaluation{0.5, 0.9};
    runs.push_back(tools::to_json(run));
  }
  runs[0]["diverged"] = true;
  runs[0]["divergence"] = markup;
  runs[1]["error"] = markup;
  using Scale = Endpoint::Scale;
  const Json findings{
      tools::to_json(made_up_finding(Scale::ratio, {1.4, 1.5, 1.6, 1.45, 1.55, 1.5})),
      tools::to_json(made_up_finding(Scale::difference, {-3.0, -3.1, -3.3, -3.2, -3.0, -3.4})),
      tools::to_json(made_up_finding(Scale::difference, {0.1, -0.2, 0.1, 0.2, -0.1, 0.05})),
      tools::to_json(made_up_finding(Scale::difference, {5.0}))};
  return {{"schema", 1},
          {"command", {"build/tools/keel", "study", "all", "--data", "my data", "--out", "x", "--quick"}},
          {"keel", "0.1.0"},
          {"onednn", "2.6.3"},
          {"instruction_set", markup},
          {"cpu", markup},
          {"threads", 2},
          {"started", "2026-11-25T22:06:16Z"},
          {"seconds", 75.2},
          {"dataset",
           {{"name", markup},
            {"digest", std::string(64, 'a')},
            {"train", 48000},
            {"validation", 12000},
            {"test", 10000},
            {"shape", {28, 28}},
            {"classes", 10}}},
          {"runs", runs},
          {"summary", Json::object()},
          {"studies",
           {{{"name", "made-up"},
             {"claim", markup},
             {"experiment", markup},
             {"caveat", markup},
             {"findings", findings}}}}};
}

std::string report_of(const Json& results) {
  const TemporaryFolder folder;
  write_report(folder.path(), results, find_made_up);
  return read_file(folder.path() / "report.html");
}

std::string words_of(const std::string& html) {
  std::string words;
  for (std::size_t at = html.find("<body>"); at < html.size();) {
    if (html[at] != '<') {
      words += html[at++];
      continue;
    }
    for (const auto* hidden : {"code", "desc", "style"}) {
      if (html.compare(at + 1, std::string_view{hidden}.size(), hidden) == 0)
        at = html.find(fmt::format("</{}>", hidden), at);
    }
    at = html.find('>', at) + 1;
    words += '\n';
  }
  return words;
}

}  // namespace keel::test
