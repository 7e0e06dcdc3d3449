// What does batch norm cost in inference, and does folding it away take that back?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/models/fold.hpp"
#include "keel/models/training_step.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/cells.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/studies/timed_start.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array<std::int64_t, 3> inference_batches{1, 16, 256};
constexpr std::array inference_arms{"plain", "bn", "folded"};
constexpr int full_inference_rounds = 21;
constexpr int quick_inference_rounds = 5;
constexpr double least_overhead = 1.02;

// A name with "seconds" in it is a time, which no two runs share; so is a ratio of times.
std::string ratio_name(const std::string& arm, const std::string& over) {
  return fmt::format("{}_over_{}_seconds", arm, over);
}

// How much folding changes on the test images: the largest difference of a logit, relative to the largest of
// its image, and how many images get another class.
void compare_predictions(Network& bn, const ImageSet& test, Measures& measures) {
  BatchGatherer all{test, test.size()};
  all.gather(all_of(test));
  Inference<Network> inference{bn};
  auto folded = fold_batch_norm(bn, all.images().type());
  const Tensor& a = inference(all.images());
  const Tensor& b = folded(all.images());
  const auto classes = static_cast<std::size_t>(a.shape()[1]);
  double largest = 0.0;
  double changed = 0.0;
  for (std::size_t begin = 0; begin < a.data<float>().size(); begin += classes) {
    const auto before = a.data<float>().subspan(begin, classes);
    const auto after = b.data<float>().subspan(begin, classes);
    double scale = 0.0;
    double difference = 0.0;
    for (std::size_t i = 0; i < classes; ++i) {
      scale = std::max<double>(scale, std::abs(before[i]));
      difference = std::max<double>(difference, std::abs(before[i] - after[i]));
    }
    largest = std::max(largest, difference / scale);
    const auto winner = [](auto row) { return std::ranges::max_element(row) - row.begin(); };
    if (winner(before) != winner(after)) changed += 1.0;
  }
  measures["folded_largest_difference"] = {largest};
  measures["folded_changed_predictions"] = {changed};
}

std::optional<RunResult> run_inference(int rounds, const RunSettings& settings, const RunContext& context) {
  Network bn{network_for(context.data, settings)};
  TrainingLoop loop{bn, settings, context};
  loop.train();
  if (context.stop.stop_requested()) return std::nullopt;
  compare_predictions(bn, context.data.test, loop.measures());
  auto times = measure_in_a_new_process({.what = "inference",
                                         .inputs = context.data.train.height * context.data.train.width,
                                         .hidden = settings.hidden,
                                         .classes = context.data.classes,
                                         .batch_sizes = {inference_batches.begin(), inference_batches.end()},
                                         .rounds = rounds,
                                         .seed = settings.seed},
                                        context.program, context.stop);
  if (!times) return std::nullopt;
  loop.measures().merge(*times);
  return loop.finish();
}

class InferenceStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "inference"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization adds overhead to inference.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "One hidden layer of 128 with ReLU, on one thread: time per call at batch 1, 16 and 256 of the plain "
           "network, of the one with batch norm, and of the latter with batch norm folded into the layer before, in "
           "turns; medians and medians of the paired ratios. Each seed's times are those of a start of the program "
           "of its own, since where arrays lie differs from one to the next and not within one. A network with "
           "batch norm, trained for one epoch on at most 12,000 images, is also held, folded, against itself on all "
           "test images.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "The scope is one machine, one binary and so many starts of it as there are seeds: the interval tells "
           "what another start would give here, and nothing of another processor or library; none is narrower than "
           "what two starts differ by. In this program batch norm and ReLU are one kernel of oneDNN in inference; on "
           "an accelerator, where small kernels are bound by their start, the share differs. Folding is exact but "
           "for rounding (Jacob et al. 2018), so where it is done, as deployment tools do, no overhead is left to "
           "speak of.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    constexpr std::int64_t images = 12000;
    std::vector<Job> jobs;
    const int rounds = scale.quick ? quick_inference_rounds : full_inference_rounds;
    for (const auto seed : seeds_of(scale)) {
      auto settings = settings_for(*this, scale, "bn", seed);
      settings.factors = {{"rounds", rounds}};
      settings.epochs = 1;
      settings.limit = scale.limit > 0 ? std::min(scale.limit, images) : images;
      auto job = job_for(scale, settings, [rounds](const RunSettings& s, const RunContext& c) {
        return run_inference(rounds, s, c);
      });
      job.cost += 0.6 + 0.27 * rounds;
      job.alone = true;
      jobs.push_back(std::move(job));
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    return {
        judge_ratio(runs, "bn", "plain", "A call with batch norm takes longer than one without.",
                    scope_note(runs)),
        judge_ratio(runs, "bn", "folded", "Folding batch norm away saves time and keeps every prediction.",
                    prediction_note(runs)),
        judge_ratio(runs, "folded", "plain", "Some overhead remains after folding.", "")};
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    Figure times{.title = "Time per call by batch size",
                 .x = {.name = "batch size", .logarithmic = true},
                 .y = {.name = "time per call (\u00b5s)", .logarithmic = true}};
    for (const char* arm : inference_arms)
      times.series.push_back({.arm = arm,
                              .label = label_of(arm),
                              .points = by_batch_size(runs, fmt::format("{}_seconds", arm), 1e6)});
    Figure ratios{.title = "Time per call, relative to the plain network, by batch size",
                  .x = {.name = "batch size", .logarithmic = true},
                  .y = {.name = "times the plain network's time"},
                  .levels = {{1.0, label_of("plain")}}};
    for (const char* arm : {"bn", "folded"})
      ratios.series.push_back(
          {.arm = arm, .label = label_of(arm), .points = by_batch_size(runs, ratio_name(arm, "plain"), 1.0)});
    return {times, ratios};
  }

  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    std::vector<Table> tables;
    for (const auto& [title, arm, over] : {std::tuple{"Batch norm takes longer than plain", "bn", "plain"},
                                           {"Folding saves time", "bn", "folded"},
                                           {"Overhead remains after folding", "folded", "plain"}}) {
      std::vector<Cell> cells;
      std::vector<double> all;
      for (std::size_t i = 0; i < inference_batches.size(); ++i) {
        cells.push_back({fmt::format("batch {}", inference_batches[i]), ratios_at(runs, arm, over, i)});
        all.push_back(difference_of_starts(cells.back().values));
      }
      auto endpoint = ratio_endpoint(arm, over, "");
      endpoint.resolution = *std::ranges::max_element(all);
      tables.push_back(cell_table(title, endpoint, cells));
    }
    return tables;
  }

 private:
  static Endpoint ratio_endpoint(const std::string& arm, const std::string& over, const std::string& claim) {
    return {.name = fmt::format("time per call at batch 1, {} / {}", arm == "bn" ? "batch norm" : arm, over),
            .claim = claim,
            .unit = "times",
            .scale = Endpoint::Scale::ratio,
            .least = least_overhead};
  }

  // Judged is the call on a single image, as fixed beforehand: a mean over the batches could hide their
  // signs.
  static Finding judge_ratio(std::span<const RunResult> runs, const std::string& arm, const std::string& over,
                             const std::string& claim, const std::string& note) {
    auto endpoint = ratio_endpoint(arm, over, claim);
    const auto ratios = ratios_at(runs, arm, over, 0);
    endpoint.resolution = difference_of_starts(ratios);
    return tools::judge(endpoint, ratios, note);
  }

  // By seed. Folding that changed a prediction is worth nothing.
  static std::vector<double> ratios_at(std::span<const RunResult> runs, const std::string& arm,
                                       const std::string& over, std::size_t batch) {
    std::vector<double> result;
    for (const auto& run : runs) {
      const auto values = series(run, ratio_name(arm, over));
      const bool spoilt = over == "folded" && measure(run, "folded_changed_predictions") != 0.0;
      result.push_back(spoilt || batch >= values.size() ? std::nan("") : values[batch]);
    }
    return result;
  }

  static std::vector<Point> by_batch_size(std::span<const RunResult> runs, const std::string& name,
                                          double unit) {
    std::vector<Point> points;
    for (std::size_t i = 0; i < inference_batches.size(); ++i)
      points.push_back(point_at(static_cast<double>(inference_batches[i]),
                                by_seed(runs, of_model("bn"), [&](const RunResult& run) {
                                  const auto values = series(run, name);
                                  return i < values.size() ? unit * values[i] : std::nan("");
                                })));
    return points;
  }

  static std::string scope_note(std::span<const RunResult> runs) {
    return fmt::format(
        "one machine, one binary, {} of it; two starts differ by a factor of {:.3f} in the mean",
        runs.size() == 1 ? "1 start" : fmt::format("{} starts", runs.size()),
        difference_of_starts(ratios_at(runs, "bn", "plain", 0)));
  }

  static std::string prediction_note(std::span<const RunResult> runs) {
    double changed = 0.0;
    double largest = 0.0;
    for (const auto& run : runs) {
      if (!run.error.empty()) continue;
      changed += measure(run, "folded_changed_predictions");
      largest = std::max(largest, measure(run, "folded_largest_difference"));
    }
    return fmt::format("{:.0f} predictions changed; logits by {:.1e} of the largest at most", changed,
                       largest);
  }
};

}  // namespace

std::unique_ptr<Study> inference_study() {
  return std::make_unique<InferenceStudy>();
}

}  // namespace keel::tools
