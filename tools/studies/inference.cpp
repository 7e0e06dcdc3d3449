// What does batch norm cost in inference, and does folding it away take that back?

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "keel/models/fold.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/relu.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/system/turns.hpp"
#include "keel/tools/training/network.hpp"
#include "keel/tools/training/training_loop.hpp"

namespace keel::tools {
namespace {

constexpr std::array<std::int64_t, 3> batches{1, 16, 256};
constexpr std::array inference_arms{"plain", "bn", "folded"};
constexpr int full_inference_rounds = 41;
constexpr int quick_inference_rounds = 11;

std::string time_name(const std::string& arm) {
  return arm + "_seconds";
}

// A name with "seconds" in it is a time, which no two runs share; so is a ratio of times.
std::string ratio_name(const std::string& arm, const std::string& over) {
  return fmt::format("{}_over_{}_seconds", arm, over);
}

Tensor batch_of(const ImageSet& set, std::int64_t size) {
  std::vector<std::int32_t> indices;
  for (std::int64_t i = 0; i < size; ++i) indices.push_back(static_cast<std::int32_t>(i % set.size()));
  BatchGatherer batch{set, size};
  batch.gather(indices);
  return batch.images().clone();
}

// Medians in turns, so that a drift of the machine's speed falls on all three.
void time_batch(Network& plain, Network& bn, const Tensor& images, int rounds, Measures& measures) {
  Inference<Network> plain_inference{plain};
  Inference<Network> bn_inference{bn};
  auto folded = fold_batch_norm(bn, images.type());
  const std::array<std::function<void()>, 3> contenders{
      [&] { plain_inference(images); }, [&] { bn_inference(images); }, [&] { folded(images); }};
  const auto times = time_in_turns(contenders, rounds);
  for (std::size_t i = 0; i < inference_arms.size(); ++i)
    measures[time_name(inference_arms[i])].push_back(1e-6 * median(times[i]));
  measures[ratio_name("bn", "plain")].push_back(median_ratio(times[1], times[0]));
  measures[ratio_name("folded", "plain")].push_back(median_ratio(times[2], times[0]));
  measures[ratio_name("bn", "folded")].push_back(median_ratio(times[1], times[2]));
}

// How much folding changes on the test images: the largest difference of a logit, relative to the largest of
// its image, and how many images get another class.
void compare_predictions(Network& bn, const ImageSet& test, Measures& measures) {
  const auto images = batch_of(test, test.size());
  Inference<Network> inference{bn};
  auto folded = fold_batch_norm(bn, images.type());
  const Tensor& a = inference(images);
  const Tensor& b = folded(images);
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
  auto plain_settings = settings;
  plain_settings.model = "plain";
  Network plain{network_for(context.data, plain_settings)};
  Network bn{network_for(context.data, settings)};
  TrainingLoop plain_loop{plain, plain_settings, {context.data, context.stop}};
  TrainingLoop loop{bn, settings, context};
  plain_loop.train();
  loop.train();
  if (context.stop.stop_requested()) return std::nullopt;
  for (const auto size : batches)
    time_batch(plain, bn, batch_of(context.data.test, size), rounds, loop.measures());
  compare_predictions(bn, context.data.test, loop.measures());
  return loop.finish();
}

class InferenceStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "inference"; }
  [[nodiscard]] std::string claim() const override {
    return "Batch normalization adds overhead to inference.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "784-128-10 with ReLU, trained for one epoch on 12,000 images, on one thread: time per call at "
           "batch 1, 16 and 256 of the plain network, of the one with batch norm, and of the latter with "
           "batch norm folded into the layer before, in turns; medians and medians of the paired ratios. "
           "Folding is also held against the unfolded network on all test images.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Times are of this machine and of this program, whose batch norm and ReLU are one kernel of "
           "oneDNN "
           "in inference; on an accelerator, where small kernels are bound by their start, the share "
           "differs. "
           "The seeds differ in their weights and in when they were timed, so the interval is one of "
           "repeated "
           "measurement. Nothing ran beside these measurements but what else the machine had to do.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    for (const auto seed : seeds_of(scale)) {
      auto settings = settings_for(*this, scale, "bn", seed);
      settings.limit = scale.limit > 0 ? std::min<std::int64_t>(scale.limit, 12000) : 12000;
      settings.epochs = 1;
      const int rounds = scale.quick ? quick_inference_rounds : full_inference_rounds;
      settings.factors.set("rounds", rounds);
      auto job = job_for(scale, settings, [rounds](const RunSettings& s, const RunContext& c) {
        return run_inference(rounds, s, c);
      });
      job.cost = 2.0 * job.cost + 0.03 * rounds;
      job.alone = true;
      jobs.push_back(std::move(job));
    }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const Endpoint overhead{.name = "time per call, batch norm / plain, mean over the batches",
                            .claim = "A call with batch norm takes longer than one without.",
                            .unit = "times",
                            .scale = Endpoint::Scale::ratio,
                            .least = 1.02};
    const Endpoint folding{.name = "time per call, batch norm / folded, mean over the batches",
                           .claim = "Folding batch norm away saves time and keeps every prediction.",
                           .unit = "times",
                           .scale = Endpoint::Scale::ratio,
                           .least = 1.02};
    const Endpoint rest{.name = "time per call, folded / plain, mean over the batches",
                        .claim = "Some overhead remains after folding.",
                        .unit = "times",
                        .scale = Endpoint::Scale::ratio,
                        .least = 1.02};
    return {tools::judge(overhead, ratios(runs, "bn", "plain")),
            tools::judge(folding, ratios(runs, "bn", "folded"), prediction_note(runs)),
            tools::judge(rest, ratios(runs, "folded", "plain"))};
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    Figure figure{.title = "Time per call by batch size",
                  .x = {.name = "batch size", .logarithmic = true},
                  .y = {.name = "time per call (\u00b5s)", .logarithmic = true}};
    for (const char* arm : inference_arms) {
      Series line{.arm = arm, .label = label_of(arm)};
      for (std::size_t i = 0; i < batches.size(); ++i) {
        line.points.push_back(point_at(static_cast<double>(batches[i]),
                                       by_seed(runs, of_model("bn"), [&](const RunResult& run) {
                                         return 1e6 * at(run, time_name(arm), i);
                                       })));
      }
      figure.series.push_back(std::move(line));
    }
    return {figure};
  }

 private:
  static double at(const RunResult& run, const std::string& name, std::size_t i) {
    const auto values = series(run, name);
    return i < values.size() ? values[i] : std::nan("");
  }

  // By seed, the geometric mean over the batch sizes. Folding that changed a prediction is worth nothing.
  static std::vector<double> ratios(std::span<const RunResult> runs, const std::string& arm,
                                    const std::string& over) {
    std::vector<double> result;
    for (const auto& run : runs) {
      double sum = 0.0;
      const auto values = series(run, ratio_name(arm, over));
      for (const double ratio : values) sum += std::log(ratio);
      const bool spoilt =
          values.empty() || (over == "folded" && measure(run, "folded_changed_predictions") != 0.0);
      result.push_back(spoilt ? std::nan("") : std::exp(sum / static_cast<double>(batches.size())));
    }
    return result;
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
