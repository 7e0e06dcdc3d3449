#include "keel/tools/results.hpp"

#include <fmt/chrono.h>

#include <cmath>
#include <fstream>

#include "keel/runtime/onednn.hpp"

namespace keel::tools {
namespace {

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}
Json number(const std::optional<double>& value) {
  return value ? number(*value) : Json(nullptr);
}

Json to_json(const EpochResult& epoch) {
  return {{"epoch", epoch.epoch},
          {"steps", epoch.steps},
          {"seconds", epoch.seconds},
          {"train_loss", number(epoch.train_loss)},
          {"validation_loss", number(epoch.validation.loss)},
          {"validation_accuracy", number(epoch.validation.accuracy)}};
}

}  // namespace

Json to_json(const RunResult& run) {
  Json epochs = Json::array();
  for (const auto& epoch : run.epochs) epochs.push_back(to_json(epoch));
  Json json{{"model", run.settings.model},
            {"batch_size", run.settings.batch_size},
            {"learning_rate", run.settings.learning_rate},
            {"momentum", run.settings.momentum},
            {"seed", run.settings.seed},
            {"parameters", run.parameters},
            {"diverged", run.diverged},
            {"epochs", std::move(epochs)},
            {"test_loss", run.test ? number(run.test->loss) : Json(nullptr)},
            {"test_accuracy", run.test ? number(run.test->accuracy) : Json(nullptr)}};
  if (run.diverged) json["divergence"] = run.divergence;
  return json;
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
  return {{"schema", 1},
          {"command", command.arguments},
          {"keel", keel_version()},
          {"onednn", onednn::version()},
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
