#include "keel/tools/commands/train_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "keel/runtime/threads.hpp"
#include "keel/tools/commands/train_log.hpp"
#include "keel/tools/data/data_set.hpp"
#include "keel/tools/runs/results.hpp"
#include "keel/tools/runs/workspace.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/number_text.hpp"
#include "keel/tools/system/shell_word.hpp"
#include "keel/tools/training/checkpoint_folder.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

constexpr auto last_network = "model.safetensors";
constexpr auto best_network = "best.safetensors";
constexpr auto metrics_name = "metrics.jsonl";

Json train_request(const TrainOptions& options, const TrainSettings& settings) {
  Json json{{"command", "train"}, {"data", options.common.data}, {"model", options.model}};
  json.update(to_json(settings));
  return json;
}

// The command line that goes on with this training.
std::string resuming_command(const TrainOptions& options, const Invocation& invocation,
                             const fs::path& folder) {
  std::string line;
  for (const auto& word : invocation.arguments)
    if (word != "--force") line += shell_word(word) + " ";
  if (options.common.out.empty()) line += fmt::format("--out {} ", shell_word(folder.string()));
  return options.resume ? line.substr(0, line.size() - 1) : line + "--resume";
}

// When the next checkpoint is due.
class CheckpointClock {
 public:
  explicit CheckpointClock(const std::string& every) : every_(parse_interval(every)) {}

  [[nodiscard]] bool due(const Trainer& trainer) const {
    if (every_.steps > 0) return trainer.steps() % every_.steps == 0;
    if (every_.seconds > 0.0)
      return std::chrono::duration<double>(Clock::now() - last_).count() >= every_.seconds;
    return trainer.at_epoch_end() && std::ssize(trainer.epochs()) % every_.epochs == 0;
  }
  void written() { last_ = Clock::now(); }

 private:
  using Clock = std::chrono::steady_clock;
  CheckpointInterval every_;
  Clock::time_point last_ = Clock::now();
};

// What an earlier training left in a folder that this one was forced into.
void remove_earlier(const fs::path& folder, const CheckpointFolder& checkpoints) {
  std::error_code error;
  for (const char* name : {last_network, best_network, metrics_name, "results.json"})
    fs::remove(folder / name, error);
  checkpoints.clear();
}

void go_on(Trainer& trainer, const CheckpointFolder& checkpoints, const fs::path& folder, bool quiet) {
  const auto restored = checkpoints.restore(trainer);
  for (const auto& sentence : restored.refused) fmt::print(stderr, "keel: {}\n", sentence);
  if (!restored.refused.empty())
    fmt::print(stderr, "keel: the older checkpoint '{}' is gone on from instead\n", restored.file->string());
  if (trainer.best_epoch() > 0 && !fs::exists(folder / best_network)) {
    fmt::print(stderr,
               "keel: '{}' is gone, the best network so far, of epoch {}; the next better one is kept\n",
               (folder / best_network).string(), trainer.best_epoch());
  }
  if (quiet) return;
  if (restored.file)
    fmt::print(stderr, "going on from '{}', step {} of {}\n", restored.file->string(), trainer.steps(),
               trainer.steps_in_all());
  else
    fmt::print(stderr, "no checkpoint was written yet: beginning anew\n");
}

// Trains to the end. Returns whether it came there: not when a stop was requested.
bool train_to_the_end(Trainer& trainer, const TrainOptions& options, const fs::path& folder,
                      const CheckpointFolder& checkpoints, const std::stop_token& stop) {
  const MetricsFile metrics{folder / metrics_name, trainer.epochs()};
  TrainProgress progress{trainer, options.common.run.epochs, options.common.quiet};
  CheckpointClock clock{options.checkpoint_every};
  while (!trainer.finished()) {
    if (stop.stop_requested()) {
      checkpoints.save(trainer);
      return false;
    }
    trainer.step();
    if (trainer.at_best()) trainer.save_network(folder / best_network);
    if (trainer.at_epoch_end()) {
      metrics.add(trainer.epochs().back());
      progress.epoch_done();
    }
    if (!trainer.divergence().empty()) return true;
    progress.step_done();
    if (!trainer.finished() && !clock.due(trainer)) continue;
    checkpoints.save(trainer);
    clock.written();
  }
  return true;
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
  fmt::print("\nnetwork: {}\n", (folder / last_network).string());
  if (std::error_code error; fs::exists(folder / best_network, error))
    fmt::print("best: {}\n", (folder / best_network).string());
  fmt::print("metrics: {}\nresults: {}\n", (folder / metrics_name).string(),
             (folder / "results.json").string());
}

ExitStatus say_diverged(const Trainer& trainer, const fs::path& folder) {
  const auto kept = trainer.best_epoch() == 0
                        ? std::string{"no epoch was finished before"}
                        : fmt::format("the best network, of epoch {}, is kept in '{}'", trainer.best_epoch(),
                                      (folder / best_network).string());
  fmt::print(stderr,
             "keel: the training diverged: {}; {}; try a lower --learning-rate, a --warm-up or --clip\n",
             trainer.divergence(), kept);
  return ExitStatus::failed;
}

}  // namespace

ExitStatus train_network(const TrainOptions& options, const Invocation& invocation) {
  const auto& common = options.common;
  CommandRecord record{.arguments = invocation.arguments, .threads = common.threads};
  const ThreadLimit threads{common.threads};
  (void)parse_interval(options.checkpoint_every);
  const DataSet data = load_data_set(common.data);
  const auto settings = train_settings(options, data);
  Trainer trainer{settings, data};
  Workspace workspace{{.command = "train",
                       .settings = train_request(options, settings),
                       .out = common.out,
                       .force = common.force,
                       .resume = options.resume}};
  const auto& folder = workspace.path();
  const CheckpointFolder checkpoints{folder / "checkpoints", options.keep};
  if (options.resume)
    go_on(trainer, checkpoints, folder, common.quiet);
  else
    remove_earlier(folder, checkpoints);

  if (!train_to_the_end(trainer, options, folder, checkpoints, invocation.interrupt.token())) {
    fmt::print(stderr, "keel: interrupted after {} of {} steps, which are kept; this goes on:\n  {}\n",
               trainer.steps(), trainer.steps_in_all(), resuming_command(options, invocation, folder));
    return ExitStatus::interrupted;
  }
  const bool diverged = !trainer.divergence().empty();
  const auto test = diverged ? std::nullopt : std::optional{trainer.test()};
  const std::vector runs{train_result(trainer, options, settings, test)};
  if (!diverged) trainer.save_network(folder / last_network);
  const auto sizes = split_sizes(data.train.size(), settings.limit);
  workspace.write("results.json",
                  json_text(results_json(record, data, sizes, runs, best_summary(trainer)), 1) + "\n");
  if (diverged) return say_diverged(trainer, folder);
  print_trained(trainer, data, settings, *test, folder);
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
