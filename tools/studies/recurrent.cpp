// Is batch norm unsuitable for recurrent networks?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/data/crop.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/both_rates.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/runs/health.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/studies/recurrent_views.hpp"
#include "keel/tools/training/recurrent_network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::int64_t state_units = 100;
constexpr std::int64_t most_recurrent_images = 12000;
constexpr std::int64_t most_recurrent_images_if_quick = 6000;
constexpr double least_recurrent_gain = 1.0;  // points

RecurrentNetwork recurrent_network(const RunSettings& settings, const Crop& crop, const DataSet& data) {
  return RecurrentNetwork{{.height = data.train.height,
                           .width = data.train.width,
                           .crop = crop,
                           .state = state_units,
                           .classes = data.classes,
                           .model = settings.model}};
}

std::optional<RunResult> train_recurrent(const RunSettings& settings, const Crop& crop,
                                         const RunContext& context) {
  auto network = recurrent_network(settings, crop, context.data);
  TrainingLoop loop{network, settings, context};
  loop.train();
  loop.measures()["rows"] = {static_cast<double>(crop.rows)};
  loop.measures()["columns"] = {static_cast<double>(crop.columns)};
  return loop.finish();
}

// The same run in f64 is none of its own: it is never judged, and tells whether this one may be.
std::optional<RunResult> train_in_both_precisions(const RunSettings& settings, const Crop& crop,
                                                  const RunContext& context) {
  auto run = train_recurrent(settings, crop, context);
  auto in_f64 = settings;
  in_f64.precision = DType::f64;
  auto network = recurrent_network(in_f64, crop, context.data);
  TrainingLoop loop{network, in_f64, {.data = context.data, .stop = context.stop}};
  if (run) loop.train();
  if (!run || context.stop.stop_requested()) return std::nullopt;
  run->measures[f64_accuracy_measure] = {loop.diverged() ? std::nan("") : 100.0 * loop.look().accuracy};
  return run;
}

class RecurrentStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "recurrent"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization is not suitable for recurrent networks.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "A tanh network with a state of 100 units reads an image row by row and classifies it from its last "
           "state; at most 12,000 training images, SGD, momentum 0.9, batch 64. Rows and columns at the images' "
           "edges that hardly vary, blank in more than three quarters of the training images, are cropped. Before the "
           "tanh: nothing; layer norm of the sum; or batch norms of the input's and of the state's product, each its "
           "own, with gamma 0.1 at first, and with statistics for each step or, naively, with one set for all steps, "
           "so that its running averages mix them. Each arm at the learning rate that did best on seeds of its own, "
           "and all at 0.01. In full the runs of two seeds are repeated in double precision: an arm that comes to "
           "something else there, by more than two standard deviations of the seeds, is not judged.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "A small task, on which a recurrent network without norm learns, too. Cooijmans et al. (2016) made batch "
           "norm work in LSTMs with what is used here: separate norms, statistics for each step, gamma 0.1; on "
           "sequential MNIST, pixel by pixel, it got 99.0 % there, and an LSTM without it 98.9 %. Statistics for each "
           "step need a known length of the sequence. Laurent et al. (2015) found batch norm of the recurrent product "
           "not to help. Blank rows are cropped since they do not vary over a batch: batch norm then divides by the "
           "root of epsilon and multiplies gradients and rounding errors by up to 316 at each such row; results with "
           "them are those of f32, not of batch norm. Layer norm (Ba et al. 2016) was made for this case.";
  }

  [[nodiscard]] std::vector<Job> tuning_jobs(const StudyScale& scale) const override {
    const auto crop = busy_part(scale.data.train);
    const std::vector<double> rates =
        scale.quick ? std::vector{0.01, 0.1} : std::vector{0.003, 0.01, 0.03, 0.1, 0.3};
    std::vector<Job> jobs;
    for (const auto* model : recurrent_arms) {
      for (const auto& settings : tuning_settings(scale, arm(scale, model, scale.first_seed), rates))
        jobs.push_back(job_for(scale, settings, [crop](const RunSettings& s, const RunContext& c) {
          return train_recurrent(s, crop, c);
        }));
    }
    return with_costs(std::move(jobs));
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    const auto crop = busy_part(scale.data.train);
    const RunFunction once = [crop](const RunSettings& s, const RunContext& c) {
      return train_recurrent(s, crop, c);
    };
    const RunFunction twice = [crop](const RunSettings& s, const RunContext& c) {
      return train_in_both_precisions(s, crop, c);
    };
    std::vector<Job> all;
    for (const auto* model : recurrent_arms) {
      const double tuned = tuned_rate(scale.tuning, of_model(model));
      int seeds = 0;
      for (const auto seed : seeds_of(scale)) {
        const bool is_repeated = !scale.quick && seeds++ < seeds_in_f64;
        std::vector<Job> jobs;
        add_at_both_rates(jobs, scale, arm(scale, model, seed), tuned, is_repeated ? twice : once);
        if (jobs.size() > 1) jobs.back().run = once;  // the common rate's
        if (is_repeated) jobs.front().cost *= cost_of_f64;
        std::ranges::move(jobs, std::back_inserter(all));
      }
    }
    return with_costs(std::move(all));
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto minus = [](double a, double b) { return a - b; };
    const auto of = [&](const char* model) {
      return by_seed(runs, of_model(model) && at_tuned_rates(), recurrent_accuracy);
    };
    const auto naive = of("bn-shared");
    BySeed worst_other = of("plain");
    for (const char* model : {"bn-per-step", "ln"}) {
      const auto other = of(model);
      for (auto& [seed, worst] : worst_other) {
        const auto found = other.find(seed);
        worst = found == other.end() ? std::nan("") : lesser(worst, found->second);
      }
    }
    std::vector<Finding> findings{
        tools::judge({.name = "final accuracy, worst of the others - batch norm with shared statistics",
                      .claim = "Batch norm applied naively is worse than everything else.",
                      .unit = "points",
                      .least = least_recurrent_gain},
                     pairwise(worst_other, naive, minus)),
        tools::judge({.name = "final accuracy, plain - batch norm with statistics per step",
                      .claim = "A recurrent network is better without batch norm, even with one per step.",
                      .unit = "points",
                      .least = least_recurrent_gain},
                     pairwise(of("plain"), of("bn-per-step"), minus)),
        tools::judge({.name = "final accuracy, layer norm - batch norm with statistics per step",
                      .claim = "Layer norm suits a recurrent network better than batch norm per step.",
                      .unit = "points",
                      .least = least_recurrent_gain},
                     pairwise(of("ln"), of("bn-per-step"), minus))};
    withhold(findings[0], disagreement(runs, recurrent_arms));
    withhold(findings[1], disagreement(runs, std::array{"plain", "bn-per-step"}));
    withhold(findings[2], disagreement(runs, std::array{"ln", "bn-per-step"}));
    return findings;
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    return recurrent_figures(runs);
  }
  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    return recurrent_tables(runs);
  }

 private:
  // A step in f64 is made of plain loops: times that of one in f32.
  static constexpr double cost_of_f64 = 40.0;

  [[nodiscard]] RunSettings arm(const StudyScale& scale, const char* model, std::uint64_t seed) const {
    auto settings = settings_for(*this, scale, model, seed);
    settings.hidden = {state_units};
    const auto most = scale.quick ? most_recurrent_images_if_quick : most_recurrent_images;
    settings.limit = scale.limit > 0 ? std::min(scale.limit, most) : most;
    settings.epochs = 2;
    return settings;
  }

  // The same weights at every row take about as long as those of a whole image; norms twice that.
  static std::vector<Job> with_costs(std::vector<Job> jobs) {
    for (auto& job : jobs)
      if (job.settings.model != "plain") job.cost *= 2.0;
    return jobs;
  }

  static std::string disagreement(std::span<const RunResult> runs, std::span<const char* const> models) {
    std::vector<RepeatedArm> arms;
    for (const auto* model : models) arms.push_back({label_of(model), of_model(model) && at_tuned_rates()});
    return precision_disagreement(runs, arms);
  }
};

}  // namespace

std::unique_ptr<Study> recurrent_study() {
  return std::make_unique<RecurrentStudy>();
}

}  // namespace keel::tools
