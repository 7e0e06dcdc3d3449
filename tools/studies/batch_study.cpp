#include "keel/tools/studies/batch_study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/findings/statistics.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/batch_figures.hpp"
#include "keel/tools/studies/batch_tables.hpp"
#include "keel/tools/studies/batch_trade_offs.hpp"
#include "keel/tools/studies/batch_views.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/training/targets.hpp"
#include "keel/tools/training/training_run.hpp"

namespace keel::tools {
namespace {

constexpr int looks_an_epoch = 3;
constexpr std::size_t last_losses = 100;

// A run of one view, and where it ends.
struct ViewRun {
  RunSettings settings;
  std::int64_t steps = 0;
};

// NaN for a run so short that its last losses are those of the way down.
double sd_of_last(std::span<const double> losses) {
  if (losses.size() < 2 * last_losses) return std::nan("");
  return summarize(losses.last(last_losses)).sd.value_or(std::nan(""));
}

// Trains `steps` steps. On its way the run is that of `prefix`, which has the same rate and fewer steps.
std::optional<RunResult> run_batch_study(std::int64_t steps, const std::optional<ViewRun>& prefix,
                                         const RunSettings& settings, const RunContext& context) {
  Mlp model{mlp_for(context.data, settings)};
  TrainingLoop loop{model, settings, context};
  TargetWatch watch{loop, looks_an_epoch};
  std::vector<double> losses;
  const auto record = [&] {
    watch.record();
    loop.measures()["steps_per_epoch"] = {static_cast<double>(loop.steps_per_epoch())};
    loop.measures()["last_losses_sd"] = {sd_of_last(losses)};
  };
  bool handed_in = !prefix;
  const auto hand_in = [&](RunResult result) {
    result.settings = prefix->settings;
    context.hand_in(std::move(result));
    handed_in = true;
  };
  loop.train([&](std::int64_t step, double loss) {
    losses.push_back(loss);
    watch.after_step(step);
    if (prefix && step == prefix->steps) {
      record();
      hand_in(loop.result_so_far());
    }
    return step < steps;
  });
  record();
  auto result = loop.finish();
  if (result && !handed_in) hand_in(*result);  // it diverged before the prefix ended
  return result;
}

class BatchStudy final : public Study {
 public:
  explicit BatchStudy(BatchStudySettings settings) : settings_(std::move(settings)) {}

  [[nodiscard]] std::string name() const override { return "batch-study"; }
  [[nodiscard]] std::string claim() const override {
    return "On average over the batch sizes, batch norm ends with a higher accuracy.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "784-128-10 with ReLU, plain and with batch norm, trained by SGD with momentum at each batch "
           "size, in three views: (a) the same learning rate and number of epochs; (b) the same epochs with "
           "a rate that grows with the batch; (c) the same rate and number of steps. The batch size that "
           "all views share is trained once, and views (a) and (c) are read from one training at two "
           "places. Validation accuracy is looked at three times an epoch until it has reached 97 %; "
           "stability is the standard deviation of the last 100 batch losses (of runs of 200 steps or more), "
           "and of the final validation loss over the seeds. Training loss is the mean over the batches of "
           "the last epoch, each as of its own step. The study as a whole is judged in view (a).";
  }
  [[nodiscard]] std::string caveat() const override {
    return "In view (a) a larger batch makes fewer steps of the same size, so it is not the batch that is "
           "judged but batch and number of steps together; the linear rule of view (b) (Goyal et al. 2017) "
           "is for rates that are small to begin with; in view (c) a larger batch sees more images. Batch "
           "losses vary less with larger batches simply because they are means over more images. Seconds "
           "are training time on one thread of this machine, other runs beside; means of "
           "them, as of epochs and steps to a target, are over the runs that got there. A run that diverged "
           "counts with what its network came to.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto batch : settings_.batch_sizes) {
      for (const auto seed : seeds_of(scale)) {
        for (const char* model : batch_models) {
          const auto in_view = [&](BatchView view) { return view_run(scale, view, batch, model, seed); };
          const auto same_rate = in_view(BatchView::same_rate);
          if (batch == settings_.base.batch_size) {
            jobs.push_back(job(scale, same_rate));
            continue;
          }
          const auto same_steps = in_view(BatchView::same_steps);
          jobs.push_back(same_rate.steps < same_steps.steps ? job(scale, same_steps, same_rate)
                                                            : job(scale, same_rate, same_steps));
          jobs.push_back(job(scale, in_view(BatchView::scaled_rate)));
        }
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const BatchRuns batch_runs{runs};
    std::vector<Finding> findings;
    for (const auto view : batch_views) {
      findings.push_back(tools::judge(
          {.name = fmt::format("validation accuracy, batch norm - plain, mean over batch sizes, {}",
                               name_of(view)),
           .claim = fmt::format("With {}, batch norm ends with a higher accuracy on average over the sizes.",
                                name_of(view)),
           .unit = "points"},
          pairwise(batch_runs.mean_accuracy(view, "bn"), batch_runs.mean_accuracy(view, "plain"),
                   [](double bn, double plain) { return 100.0 * (bn - plain); })));
    }
    const auto& sizes = batch_runs.sizes();
    if (sizes.size() < 2) return findings;
    for (const auto view : batch_views) {
      for (const char* model : batch_models) {
        findings.push_back(tools::judge(
            {.name = fmt::format("validation accuracy, batch {} - batch {}, {}, {}", sizes.front(),
                                 sizes.back(), label_of(model), name_of(view)),
             .claim = fmt::format(
                 "With {}, {} ends with a higher accuracy at batch {} than at {}.", name_of(view),
                 std::string{model} == "bn" ? "batch norm" : "a plain network", sizes.front(), sizes.back()),
             .unit = "points"},
            pairwise(batch_runs.by_seed(view, model, sizes.front(), final_accuracy),
                     batch_runs.by_seed(view, model, sizes.back(), final_accuracy),
                     [](double small, double large) { return 100.0 * (small - large); })));
      }
    }
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    return batch_figures(BatchRuns{runs});
  }
  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    const BatchRuns batch_runs{runs};
    auto tables = batch_tables(batch_runs);
    if (batch_runs.sizes().size() > 1) tables.push_back(batch_trade_offs(batch_runs));
    return tables;
  }
  [[nodiscard]] Json summary(std::span<const RunResult> runs) const override {
    return batch_summary(BatchRuns{runs});
  }

 private:
  [[nodiscard]] ViewRun view_run(const StudyScale& scale, BatchView view, std::int64_t batch,
                                 const char* model, std::uint64_t seed) const {
    auto settings = settings_for(*this, scale, model, seed);
    settings.factors.set("view", name_of(view));
    settings.momentum = settings_.base.momentum;
    settings.learning_rate = settings_.base.learning_rate;
    settings.batch_size = settings_.base.batch_size;
    const auto base_steps = steps_per_epoch(scale, settings) * settings_.base.epochs;
    settings.batch_size = batch;
    const auto an_epoch = steps_per_epoch(scale, settings);
    settings.epochs = settings_.base.epochs;
    auto steps = an_epoch * settings.epochs;
    if (view == BatchView::scaled_rate)
      settings.learning_rate *= static_cast<double>(batch) / static_cast<double>(settings_.base.batch_size);
    if (view == BatchView::same_steps) {
      steps = base_steps;
      settings.epochs = static_cast<int>((steps + an_epoch - 1) / an_epoch);
    }
    return {settings, steps};
  }

  static Job job(const StudyScale& scale, const ViewRun& whole, const std::optional<ViewRun>& prefix = {}) {
    auto result = job_for(scale, whole.settings, [=, steps = whole.steps](const auto& s, const auto& c) {
      return run_batch_study(steps, prefix, s, c);
    });
    if (prefix) result.prefixes = {prefix->settings};
    return result;
  }

  BatchStudySettings settings_;
};

}  // namespace

std::unique_ptr<Study> batch_study(const BatchStudySettings& settings) {
  return std::make_unique<BatchStudy>(settings);
}

}  // namespace keel::tools
