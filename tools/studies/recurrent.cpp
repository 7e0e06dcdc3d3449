// Is batch norm unsuitable for recurrent networks?

#include <fmt/format.h>

#include <algorithm>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/recurrent_network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array recurrent_arms{"plain", "bn-shared", "bn-per-step", "ln"};
constexpr std::int64_t state_width = 100;

std::optional<RunResult> run_recurrent(const RunSettings& settings, const RunContext& context) {
  RecurrentNetwork network{{.rows = context.data.train.height,
                            .columns = context.data.train.width,
                            .width = state_width,
                            .classes = context.data.classes,
                            .model = settings.model}};
  TrainingLoop loop{network, settings, context};
  loop.train();
  return loop.finish();
}

class RecurrentStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "recurrent"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization is not suitable for recurrent networks.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "A tanh network with a state of 100 units reads an image row by row and classifies it from its "
           "last "
           "state; on 12,000 training images, SGD, learning rate 0.01, momentum 0.9, batch 64. Before the "
           "tanh: "
           "nothing, one batch norm for all steps (so its running averages mix them), a batch norm for each "
           "step, or layer norm. Naive is the batch norm that all steps share.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Cooijmans et al. (2017) made batch norm work in recurrent networks, with statistics for each "
           "step "
           "and a small initial gamma (0.1), which is not used here; that needs a known length of the "
           "sequence. "
           "The first rows of most digits are blank: over a batch they do not vary, so that batch norm "
           "divides "
           "by the root of epsilon and blows up the gradient there. Layer norm (Ba et al. 2016) was made for "
           "this case.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto seed : seeds_of(scale)) {
      for (const char* model : recurrent_arms) {
        auto settings = settings_for(*this, scale, model, seed);
        settings.hidden = {state_width};
        settings.limit = scale.limit > 0 ? std::min<std::int64_t>(scale.limit, 12000) : 12000;
        settings.epochs = scale.quick ? 2 : 4;
        auto job = job_for(scale, settings, run_recurrent);
        job.cost *= 8.0;  // the same weights at every row
        jobs.push_back(std::move(job));
      }
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto minus = [](double a, double b) { return a - b; };
    const auto of = [&](const char* model) { return by_seed(runs, of_model(model), accuracy); };
    const auto naive = of("bn-shared");
    BySeed worst_other = of("plain");
    for (const char* model : {"bn-per-step", "ln"})
      for (const auto& [seed, value] : of(model))
        if (worst_other.contains(seed)) worst_other[seed] = lesser(worst_other[seed], value);
    return {
        tools::judge({.name = "final accuracy, worst of the others - batch norm with shared statistics",
                      .claim = "Batch norm applied naively is worse than everything else.",
                      .unit = "points"},
                     pairwise(worst_other, naive, minus)),
        tools::judge({.name = "final accuracy, plain - batch norm with shared statistics",
                      .claim = "A recurrent network is better without batch norm than with a naive one.",
                      .unit = "points"},
                     pairwise(of("plain"), naive, minus)),
        tools::judge({.name = "final accuracy, plain - batch norm with statistics per step",
                      .claim = "A recurrent network is better without batch norm, even with one per step.",
                      .unit = "points"},
                     pairwise(of("plain"), of("bn-per-step"), minus)),
        tools::judge({.name = "final accuracy, layer norm - batch norm with statistics per step",
                      .claim = "Layer norm suits a recurrent network better than batch norm per step.",
                      .unit = "points"},
                     pairwise(of("ln"), of("bn-per-step"), minus))};
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    Figure accuracies{.title = "Validation accuracy by epoch",
                      .x = {.name = "epochs"},
                      .y = {.name = "validation accuracy (%)", .low = 0.0, .high = 100.0}};
    Figure losses{.title = "Training loss by epoch",
                  .x = {.name = "epochs"},
                  .y = {.name = "training loss (nats)", .low = 0.0}};
    for (const char* model : recurrent_arms) {
      accuracies.series.push_back({.arm = model,
                                   .label = label_of(model),
                                   .points = by_epoch(runs, of_model(model), [](const EpochResult& epoch) {
                                     return 100.0 * epoch.validation.accuracy;
                                   })});
      losses.series.push_back({.arm = model,
                               .label = label_of(model),
                               .points = by_epoch(runs, of_model(model), [](const EpochResult& epoch) {
                                 return epoch.train_loss;
                               })});
    }
    return {accuracies, losses};
  }

 private:
  static double accuracy(const RunResult& run) { return 100.0 * final_accuracy(run); }
};

}  // namespace

std::unique_ptr<Study> recurrent_study() {
  return std::make_unique<RecurrentStudy>();
}

}  // namespace keel::tools
