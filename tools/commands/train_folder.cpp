#include "keel/tools/commands/train_folder.hpp"

#include <fmt/format.h>

#include <cmath>

#include "keel/tools/system/json.hpp"
#include "keel/tools/system/number_text.hpp"
#include "keel/tools/system/shell_word.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

constexpr auto last_name = "model.safetensors";
constexpr auto best_name = "best.safetensors";
constexpr auto metrics_name = "metrics.jsonl";
constexpr auto results_name = "results.json";

// The command line that goes on with this training.
std::string resuming_command(const TrainOptions& options, const Invocation& invocation,
                             const fs::path& folder) {
  std::string line;
  if (const int ranks = options.common.ranks.count(); ranks > 1) line = fmt::format("mpirun -n {} ", ranks);
  for (const auto& word : invocation.arguments)
    if (word != "--force") line += shell_word(word) + " ";
  if (options.common.out.empty()) line += fmt::format("--out {} ", shell_word(folder.string()));
  return options.resume ? line.substr(0, line.size() - 1) : line + "--resume";
}

// What an earlier training left in a folder that this one was forced into.
void remove_earlier(const fs::path& folder, const CheckpointFolder& checkpoints) {
  std::error_code error;
  for (const char* name : {last_name, best_name, metrics_name, results_name})
    fs::remove(folder / name, error);
  checkpoints.clear();
}

std::optional<fs::path> go_on(Trainer& trainer, const CheckpointFolder& checkpoints, const fs::path& folder,
                              bool quiet) {
  const auto restored = checkpoints.restore(trainer);
  for (const auto& sentence : restored.refused) fmt::print(stderr, "keel: {}\n", sentence);
  if (!restored.refused.empty())
    fmt::print(stderr, "keel: the older checkpoint '{}' is gone on from instead\n", restored.file->string());
  if (trainer.best_epoch() > 0 && !fs::exists(folder / best_name)) {
    fmt::print(stderr,
               "keel: '{}' is gone, the best network so far, of epoch {}; the next better one is kept\n",
               (folder / best_name).string(), trainer.best_epoch());
  }
  if (quiet) return restored.file;
  if (restored.file)
    fmt::print(stderr, "going on from '{}', step {} of {}\n", restored.file->string(), trainer.steps(),
               trainer.steps_in_all());
  else
    fmt::print(stderr, "no checkpoint was written yet: beginning anew\n");
  return restored.file;
}

RunResult train_result(const Trainer& trainer, const TrainOptions& options, const TrainSettings& settings,
                       const std::optional<Evaluation>& test) {
  RunSettings run{.model = options.model,
                  .hidden = settings.network.hidden,
                  .epochs = settings.epochs,
                  .batch_size = settings.batch_size,
                  .learning_rate = settings.learning_rate,
                  .momentum = settings.optimizer == "sgd" ? settings.momentum : 0.0,
                  .seed = settings.seed,
                  .limit = settings.limit};
  run.factors = {{"network", text_of(settings.network)},
                 {"optimizer", settings.optimizer},
                 {"weight_decay", settings.weight_decay},
                 {"schedule", settings.schedule},
                 {"warm_up", settings.warm_up},
                 {"patience", settings.patience},
                 {"clip", settings.clip ? Factor{*settings.clip} : Factor{"none"}}};
  RunResult result{.settings = run,
                   .parameters = trainer.parameters(),
                   .diverged = !trainer.divergence().empty(),
                   .divergence = trainer.divergence(),
                   .test = test};
  for (const auto& epoch : trainer.epochs()) result.epochs.push_back(epoch.result);
  return result;
}

Json best_summary(const Trainer& trainer) {
  if (trainer.best_epoch() == 0) return Json::object();
  const auto& best = trainer.epochs()[static_cast<std::size_t>(trainer.best_epoch() - 1)].result;
  return {{"best",
           {{"epoch", best.epoch},
            {"validation_loss", number(best.validation.loss)},
            {"validation_accuracy", number(best.validation.accuracy)}}}};
}

void print_trained(const Trainer& trainer, const DataSet& data, const TrainSettings& settings,
                   const Evaluation& test, const fs::path& folder) {
  const auto sizes = split_sizes(data.train.size(), settings.limit);
  const auto& last = trainer.epochs().back().result;
  const auto& best = trainer.epochs()[static_cast<std::size_t>(trainer.best_epoch() - 1)].result;
  const auto row = [](std::string_view name, const Evaluation& evaluation, const std::string& remark) {
    fmt::print("{:<11} {:>9}  {:>8.2f} %{}\n", name, cell_text(evaluation.loss, 4),
               100.0 * evaluation.accuracy, remark);
  };
  fmt::print("{}: {} training, {} validation and {} test images of {} x {}, {} classes\n", data.name,
             sizes.training, sizes.validation, data.test.size(), data.train.height, data.train.width,
             data.classes);
  fmt::print("{} weights, {} of {} epochs{}\n\n", count_text(trainer.parameters()), last.epoch,
             settings.epochs,
             trainer.out_of_patience() ? ", ended since the validation loss fell no more" : "");
  fmt::print("{:<11} {:>9}  {:>10}\n", "", "loss", "accuracy");
  row("validation", last.validation,
      best.epoch == last.epoch
          ? "   the best epoch"
          : fmt::format("   (best: {} in epoch {})", cell_text(best.validation.loss, 4), best.epoch));
  row("test", test, "");
  fmt::print("\nnetwork: {}\n", (folder / last_name).string());
  if (std::error_code error; fs::exists(folder / best_name, error))
    fmt::print("best: {}\n", (folder / best_name).string());
  fmt::print("metrics: {}\nresults: {}\n", (folder / metrics_name).string(),
             (folder / "results.json").string());
}

ExitStatus say_diverged(const Trainer& trainer, const fs::path& folder) {
  const auto kept = trainer.best_epoch() == 0
                        ? std::string{"no epoch was finished before"}
                        : fmt::format("the best network, of epoch {}, is kept in '{}'", trainer.best_epoch(),
                                      (folder / best_name).string());
  fmt::print(stderr,
             "keel: the training diverged: {}; {}; try a lower --learning-rate, a --warm-up or --clip\n",
             trainer.divergence(), kept);
  return ExitStatus::failed;
}

}  // namespace

Json train_request(const TrainOptions& options, const TrainSettings& settings) {
  Json json{{"command", "train"}, {"data", options.common.data}, {"model", options.model}};
  json.update(to_json(settings));
  return json;
}

TrainFolder::TrainFolder(const TrainOptions& options, const TrainSettings& settings)
    : workspace_({.command = "train",
                  .settings = train_request(options, settings),
                  .out = options.common.out,
                  .force = options.common.force,
                  .resume = options.resume}),
      checkpoints_(workspace_.path() / "checkpoints", options.keep) {}

std::optional<fs::path> TrainFolder::begin(Trainer& trainer, const TrainOptions& options) {
  if (options.resume) return go_on(trainer, checkpoints_, path(), options.common.quiet);
  remove_earlier(path(), checkpoints_);
  return {};
}

void TrainFolder::interrupted(const Trainer& trainer, const TrainOptions& options,
                              const Invocation& invocation) const {
  fmt::print(stderr, "keel: interrupted after {} of {} steps, which are kept; this goes on:\n  {}\n",
             trainer.steps(), trainer.steps_in_all(), resuming_command(options, invocation, path()));
}

ExitStatus TrainFolder::finish(Trainer& trainer, const TrainOptions& options, const TrainSettings& settings,
                               const DataSet& data, const CommandRecord& record,
                               const std::optional<Evaluation>& test) {
  const std::vector runs{train_result(trainer, options, settings, test)};
  if (test) trainer.save_network(path() / last_name);
  const auto sizes = split_sizes(data.train.size(), settings.limit);
  workspace_.write(results_name,
                   json_text(results_json(record, data, sizes, runs, best_summary(trainer)), 1) + "\n");
  if (!test) return say_diverged(trainer, path());
  print_trained(trainer, data, settings, *test, path());
  if (const double guessing = std::log(data.classes); !(test->loss < guessing)) {
    fmt::print(
        stderr,
        "keel: the network has not learned: its test loss, {}, is not below that of guessing, {:.4f}; train "
        "it longer, or with another --learning-rate\n",
        cell_text(test->loss, 4), guessing);
  }
  return ExitStatus::done;
}

}  // namespace keel::tools
