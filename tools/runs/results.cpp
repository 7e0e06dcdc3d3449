#include "keel/tools/runs/results.hpp"

#include <fmt/chrono.h>

#include <array>
#include <fstream>
#include <limits>

#include "keel/runtime/onednn.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {
namespace {

constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();

constexpr std::array measures{
    Measure{"validation_accuracy", "validation accuracy", true,
            [](const RunResult& run) {
              return run.epochs.empty() ? not_measured : run.epochs.back().validation.accuracy;
            }},
    Measure{"validation_loss", "validation loss", false,
            [](const RunResult& run) {
              return run.epochs.empty() ? not_measured : run.epochs.back().validation.loss;
            }},
    Measure{"test_accuracy", "test accuracy", true,
            [](const RunResult& run) { return run.test ? run.test->accuracy : not_measured; }},
    Measure{"test_loss", "test loss", false,
            [](const RunResult& run) { return run.test ? run.test->loss : not_measured; }},
};

}  // namespace

std::span<const Measure> compared_measures() {
  return measures;
}

Json to_json(const Summary& summary) {
  return {{"mean", number(summary.mean)}, {"sd", number(summary.sd)}};
}

Json to_json(const PairedDifference& difference) {
  return {{"mean", number(difference.mean)},
          {"low", number(difference.low)},
          {"high", number(difference.high)},
          {"p", number(difference.p)}};
}

Json results_json(const CommandRecord& command, const DataSet& data, const SplitSizes& sizes,
                  std::span<const RunResult> runs, Json summary) {
  Json array = Json::array();
  for (const auto& run : runs) array.push_back(to_json(run));
  const auto now = std::chrono::system_clock::now();
  const auto started = std::chrono::system_clock::to_time_t(command.started);
  Json json{{"schema", 1},
            {"command", command.arguments},
            {"keel", keel_version()},
            {"onednn", onednn::version()},
            {"instruction_set", onednn::instruction_set()},
            {"cpu", processor_name()},
            {"threads", command.threads},
            {"started", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(started))},
            {"seconds", std::chrono::duration<double>(now - command.started).count()},
            {"dataset",
             {{"name", data.name},
              {"digest", data.digest},
              {"train", sizes.training},
              {"validation", sizes.validation},
              {"test", data.test.size()},
              {"shape", {data.train.height, data.train.width}},
              {"classes", data.classes}}},
            {"runs", std::move(array)},
            {"summary", std::move(summary)}};
  if (command.ranks > 1) json["ranks"] = command.ranks;
  return json;
}

Json provenance_of(const DataSet& data) {
  return {{"data", data.digest},
          {"keel", keel_version()},
          {"onednn", onednn::version()},
          {"instruction_set", onednn::instruction_set()}};
}

std::string keel_version() {
  return KEEL_VERSION;
}

std::string processor_name() {
  std::ifstream cpuinfo{"/proc/cpuinfo"};
  for (std::string line; std::getline(cpuinfo, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace keel::tools
