#include "keel/tools/report/report_data.hpp"

#include "../support/planted_runs.hpp"
#include "fuzz.hpp"
#include "keel/tools/report/html.hpp"
#include "keel/tools/report/picture.hpp"
#include "keel/tools/runs/judgement.hpp"
#include "keel/tools/runs/results.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::fuzz {

using namespace keel::tools;

void read(std::span<const std::uint8_t> bytes) {
  const auto data = report_data(parse_json(text_of(bytes), "it"), "it", find_study);
  (void)html_page(data);
  for (const auto& section : data.sections)
    for (const auto& figure : section.figures) (void)picture_file(figure);
}

std::vector<std::string> seeds() {
  const DataSet data{.name = "tiny",
                     .digest = std::string(64, 'a'),
                     .classes = 5,
                     .train = {.height = 8, .width = 8, .pixels = {}, .labels = {0}},
                     .test = {.height = 8, .width = 8, .pixels = {}, .labels = {1}}};
  std::vector<std::string> result;
  const auto add = [&](std::span<const RunResult> runs, const Json& summary, const Json& studies) {
    auto json =
        results_json({.arguments = {"keel", "study", "all"}, .threads = 2}, data, {320, 80}, runs, summary);
    json.update(studies);
    result.push_back(json_text(json));
  };
  for (const auto& study : studies()) {
    const auto runs = test::planted_runs(*study, 1.0, 2);
    const auto* one = study.get();
    const auto judgements = judge_all(std::span{&one, 1}, runs);
    add(runs, summary_json(judgements, runs), studies_json(judgements));
  }
  std::vector<RunResult> compared;
  for (const auto* model : {"plain", "bn"}) {
    RunResult run{.settings = {.model = model}, .parameters = 101'770};
    run.epochs.push_back(
        {.epoch = 1, .steps = 5, .seconds = 0.1, .train_loss = 0.5, .validation = {0.1, 0.7}});
    run.test = Evaluation{0.2, 0.9};
    compared.push_back(run);
  }
  const Json number{{"mean", 0.5}, {"sd", nullptr}};
  const Json difference{{"mean", 0.5}, {"low", nullptr}, {"high", nullptr}, {"p", nullptr}};
  add(compared, {{"test_loss", {{"plain", number}, {"bn", number}, {"difference", difference}}}},
      Json::object());
  return result;
}

}  // namespace keel::fuzz
