#include "keel/tools/commands/train_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>

#include "keel/runtime/communicator.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/commands/train_folder.hpp"
#include "keel/tools/commands/train_log.hpp"
#include "keel/tools/data/data_set.hpp"
#include "keel/tools/runs/results.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/output_folder.hpp"
#include "keel/tools/system/text_file.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

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

// The state that rank 0 went on from, for the others, which may not see its folder.
void share_state(Trainer& trainer, const CommandRanks& ranks, const std::optional<fs::path>& file) {
  constexpr auto any_size = std::numeric_limits<std::uint64_t>::max();
  if (!ranks.several()) return;
  const auto bytes =
      ranks.communicator().from_first(file ? read_text_file(*file, any_size) : "", "the checkpoint");
  ranks.each([&] {
    if (ranks.first() || bytes.empty()) return;
    const auto copy = fs::temp_directory_path() / fmt::format("keel-checkpoint-{}.safetensors", ::getpid());
    write_file(copy, bytes);
    const auto remove = [](const fs::path* path) { fs::remove(*path); };
    const std::unique_ptr<const fs::path, decltype(remove)> removed{&copy, remove};
    trainer.load(copy);
  });
}

// What all ranks are to do after a step, as any of them, or rank 0's clock, wants it.
struct Wishes {
  bool stop = false;
  bool checkpoint = false;
};

Wishes agreed(const Communicator& ranks, Wishes own) {
  if (ranks.size() == 1) return own;
  if (ranks.rank() != 0) own.checkpoint = false;
  std::array wishes{own.stop ? 1.0 : 0.0, own.checkpoint ? 1.0 : 0.0};
  ranks.all_reduce(wishes, "what is to be done after a step");
  return {wishes[0] > 0.0, wishes[1] > 0.0};
}

// Trains to the end. Returns whether it came there: not when a stop was requested. Without a folder, as
// on other ranks than 0, it writes nothing.
bool train_to_the_end(Trainer& trainer, const TrainOptions& options, const TrainFolder* folder,
                      const std::stop_token& stop) {
  const auto& ranks = options.common.ranks.communicator();
  std::optional<MetricsFile> metrics;
  if (folder != nullptr) metrics.emplace(folder->metrics(), trainer.epochs());
  TrainProgress progress{trainer, options.common.run.epochs, options.common.quiet || folder == nullptr};
  CheckpointClock clock{options.checkpoint_every};
  bool stopping = agreed(ranks, {stop.stop_requested(), false}).stop;
  while (!trainer.finished()) {
    if (stopping) {
      if (folder != nullptr) folder->checkpoints().save(trainer);
      return false;
    }
    trainer.step();
    if (folder != nullptr && trainer.at_best()) trainer.save_network(folder->best_network());
    if (trainer.at_epoch_end()) {
      if (metrics) metrics->add(trainer.epochs().back());
      progress.epoch_done();
    }
    if (!trainer.divergence().empty()) return true;
    progress.step_done();
    const auto wishes = agreed(ranks, {stop.stop_requested(), trainer.finished() || clock.due(trainer)});
    stopping = wishes.stop;
    if (!wishes.checkpoint) continue;
    if (folder != nullptr) folder->checkpoints().save(trainer);
    clock.written();
  }
  return true;
}

// What is trained on, and how.
struct Training {
  DataSet data;
  TrainSettings settings;
};

Training training_of(const TrainOptions& options) {
  (void)parse_interval(options.checkpoint_every);
  Training training{load_data_set(options.common.data), {}};
  training.settings = train_settings(options, training.data);
  require_parts(training.settings, training.data, options.common.ranks.count());
  return training;
}

}  // namespace

ExitStatus train_network(const TrainOptions& options, const Invocation& invocation) {
  const auto& common = options.common;
  const auto& ranks = common.ranks;
  const CommandRecord record{
      .arguments = invocation.arguments, .threads = common.threads, .ranks = ranks.count()};
  const ThreadLimit threads{common.threads};
  const auto training = ranks.each([&] { return training_of(options); });
  const auto& data = training.data;
  const auto& settings = training.settings;
  ranks.require_same_data(data.digest);
  Trainer trainer{settings, data, ranks.communicator()};
  std::optional<TrainFolder> folder;
  const auto checkpoint = ranks.each([&]() -> std::optional<fs::path> {
    if (!ranks.first()) return {};
    folder.emplace(options, settings);
    return folder->begin(trainer, options);
  });
  share_state(trainer, ranks, checkpoint);

  if (!train_to_the_end(trainer, options, folder ? &*folder : nullptr, invocation.interrupt.token())) {
    if (folder) folder->interrupted(trainer, options, invocation);
    return ExitStatus::interrupted;
  }
  const bool diverged = !trainer.divergence().empty();
  const auto test = diverged ? std::nullopt : std::optional{trainer.test()};
  if (folder) return folder->finish(trainer, options, settings, data, record, test);
  return diverged ? ExitStatus::failed : ExitStatus::done;
}

}  // namespace keel::tools
