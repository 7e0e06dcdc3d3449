#include "keel/tools/runs/csv.hpp"

#include <fmt/format.h>

#include <cmath>

#include "keel/tools/runs/run_json.hpp"

namespace keel::tools {
namespace {

constexpr auto run_names = "study,model,factors,batch_size,learning_rate,momentum,seed";

std::string escaped(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string result = "\"";
  for (const char character : text) {
    if (character == '"') result += '"';
    result += character;
  }
  return result + '"';
}

std::string cell(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "";
}

// What tells a run from the others.
std::string run_cells(const RunSettings& settings) {
  std::string factors;
  for (const auto& [name, value] : settings.factors)
    factors += fmt::format("{}{}={}", factors.empty() ? "" : ";", name, text_of(value));
  return fmt::format("{},{},{},{},{},{},{}", escaped(settings.study), escaped(settings.model),
                     escaped(factors), settings.batch_size, settings.learning_rate, settings.momentum,
                     settings.seed);
}

}  // namespace

std::string runs_csv(std::span<const RunResult> runs) {
  auto csv = fmt::format(
      "{},parameters,diverged,learned,error,epochs,validation_loss,validation_accuracy,test_loss,test_accuracy\r\n",
      run_names);
  for (const auto& run : runs) {
    const auto last =
        run.epochs.empty() ? Evaluation{std::nan(""), std::nan("")} : run.epochs.back().validation;
    const auto test = run.test.value_or(Evaluation{std::nan(""), std::nan("")});
    csv += fmt::format("{},{},{},{},{},{},{},{},{},{}\r\n", run_cells(run.settings), run.parameters,
                       run.diverged, has_learned(run), escaped(run.error), run.epochs.size(), cell(last.loss),
                       cell(last.accuracy), cell(test.loss), cell(test.accuracy));
  }
  return csv;
}

std::string epochs_csv(std::span<const RunResult> runs) {
  auto csv =
      fmt::format("{},epoch,steps,seconds,train_loss,validation_loss,validation_accuracy\r\n", run_names);
  for (const auto& run : runs) {
    for (const auto& epoch : run.epochs) {
      csv += fmt::format("{},{},{},{},{},{},{}\r\n", run_cells(run.settings), epoch.epoch, epoch.steps,
                         cell(epoch.seconds), cell(epoch.train_loss), cell(epoch.validation.loss),
                         cell(epoch.validation.accuracy));
    }
  }
  return csv;
}

std::string measures_csv(std::span<const RunResult> runs) {
  auto csv = fmt::format("{},measure,index,value\r\n", run_names);
  for (const auto& run : runs) {
    for (const auto& [name, values] : run.measures) {
      for (std::size_t i = 0; i < values.size(); ++i)
        csv += fmt::format("{},{},{},{}\r\n", run_cells(run.settings), name, i, cell(values[i]));
    }
  }
  return csv;
}

}  // namespace keel::tools
