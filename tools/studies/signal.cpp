// What does batch norm do to a deep network before any training?

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "keel/tools/data/batches.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/curves.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/studies/all.hpp"
#include "keel/tools/training/signal.hpp"

namespace keel::tools {
namespace {

constexpr std::array signal_activations{"linear", "tanh", "relu"};
constexpr std::array signal_arms{"plain", "bn", "ln"};
constexpr int signal_depth = 32;

std::optional<RunResult> run_signal(const RunSettings& settings, const RunContext& context) {
  const Rng rng{settings.seed};
  const auto training = split(context.data.train.size(), settings.limit, rng).training;
  BatchGatherer batch{context.data.train, settings.batch_size};
  batch.gather(std::span{training}.first(static_cast<std::size_t>(settings.batch_size)));
  const SignalOptions options{.norm = settings.model,
                              .activation = settings.factors.at("activation").word(),
                              .width = settings.factors.at("width").whole(),
                              .depth = static_cast<int>(settings.hidden.size()),
                              .classes = context.data.classes};
  const auto signal = measure_signal(options, batch.images(), batch.labels(), rng.stream("weights"));
  RunResult result;
  result.settings = settings;
  std::vector<double> relative;  // to the last layer's
  for (const double square : signal.squared_gradients)
    relative.push_back(square / signal.squared_gradients.back());
  result.measures = {{"squared_gradients", relative},
                     {"gradient_growth", {gradient_growth(signal.squared_gradients)}},
                     {"effective_ranks", signal.effective_ranks},
                     {"mean_cosines", signal.mean_cosines}};
  return context.stop.stop_requested() ? std::nullopt : std::optional{std::move(result)};
}

std::string activation_label(const std::string& activation) {
  if (activation == "relu") return "ReLU";
  return activation == "linear" ? "no activation" : activation;
}

// The widths and batches that were run.
struct SignalGrid {
  std::set<std::int64_t> widths;
  std::set<std::int64_t> batches;

  explicit SignalGrid(std::span<const RunResult> runs) {
    for (const auto& run : runs) {
      widths.insert(run.settings.factors.at("width").whole());
      batches.insert(run.settings.batch_size);
    }
  }
};

RunFilter in_cell(const std::string& activation, std::int64_t width, std::int64_t batch) {
  return with_factor("activation", activation) && with_factor("width", width) &&
         [batch](const RunResult& run) { return run.settings.batch_size == batch; };
}

// The cell that the study is judged by: the widest network and the largest batch, closest to the theory's
// limit.
RunFilter largest_cell(std::span<const RunResult> runs, const std::string& activation) {
  const SignalGrid grid{runs};
  if (grid.widths.empty()) return [](const RunResult&) { return false; };
  return in_cell(activation, *grid.widths.rbegin(), *grid.batches.rbegin());
}

std::string largest_cell_text(std::span<const RunResult> runs) {
  const SignalGrid grid{runs};
  if (grid.widths.empty()) return "no runs";
  return fmt::format("width {}, batch {}", *grid.widths.rbegin(), *grid.batches.rbegin());
}

double growth_of(const RunResult& run) {
  return measure(run, "gradient_growth");
}

double last_rank(const RunResult& run) {
  const auto ranks = series(run, "effective_ranks");
  return ranks.empty() ? std::nan("") : ranks.back();
}

class SignalStudy final : public Study {
 public:
  [[nodiscard]] std::string name() const override { return "signal"; }
  [[nodiscard]] std::string claim() const override {
    return "Before any training batch normalization keeps the images of a batch apart in a deep network, "
           "and makes its gradients explode.";
  }
  [[nodiscard]] std::string experiment() const override {
    return "Fully connected networks of 32 hidden layers without activation, with tanh and with ReLU, not "
           "trained, started by weights of variance 1 / inputs (ReLU: He's rule), without biases: plain, "
           "with batch norm, with layer norm; by width and batch. One pass forward and one backward of the "
           "cross-entropy on training images. The squared gradient of each layer's weights, and its growth "
           "a layer towards the input over the layers but the outer sixths; for what each layer gives, the "
           "effective rank of the batch (the squared sum over the sum of squares of its squared singular "
           "values: 1 where all images have become one direction) and the mean cosine between two images. "
           "Judged for ReLU on the widest network and the largest batch.";
  }
  [[nodiscard]] std::string caveat() const override {
    return "Both are known. Yang et al. (2019) derive a growth of pi/(pi-1) = 1.467 a layer for ReLU in the "
           "limit of width and batch, and none to speak of without activation; other measurements give 1.43 "
           "to 1.50 for widths of 64 to 1024. Daneshmand et al. (2020) prove that without activation batch "
           "norm keeps the rank at the order of the square root of the width or more, while plain networks "
           "collapse to one direction. Skip connections remove the explosion, and training with small rates "
           "survives it (see depth): a start is no verdict on what can be trained.";
  }

  [[nodiscard]] std::vector<Job> jobs(const StudyScale& scale) const override {
    std::vector<Job> jobs;
    const auto images = split_sizes(scale.data.train.size(), scale.limit).training;
    std::set<std::int64_t> batches;
    for (const std::int64_t batch : {std::int64_t{32}, std::int64_t{scale.quick ? 128 : 512}})
      batches.insert(std::min(batch, images));
    for (const char* activation : signal_activations)
      for (const std::int64_t width : {std::int64_t{64}, std::int64_t{scale.quick ? 128 : 512}})
        for (const auto batch : batches)
          for (const auto seed : seeds_of(scale))
            for (const char* model : signal_arms) {
              auto settings = settings_for(*this, scale, model, seed);
              settings.factors = {{"activation", activation}, {"width", width}};
              settings.hidden.assign(signal_depth, width);
              settings.batch_size = batch;
              settings.epochs = 0;
              const auto w = static_cast<double>(width);
              const auto b = static_cast<double>(batch);
              constexpr double products_per_second = 1.5e11;
              constexpr double seconds_a_weight = 4.5e-8;  // to draw it
              jobs.push_back(
                  {.settings = settings,
                   .cost = 5e-3 + signal_depth * (seconds_a_weight * w * w +
                                                  (6.0 * w * w * b + 2.0 * b * b * w) / products_per_second),
                   .run = run_signal});
            }
    return jobs;
  }

  [[nodiscard]] std::vector<Finding> judge(std::span<const RunResult> runs) const override {
    const auto cell = largest_cell(runs, "relu");
    const auto ratio_to = [&](const char* other, const RunValue& value) {
      return pairwise(by_seed(runs, cell && of_model("bn"), value),
                      by_seed(runs, cell && of_model(other), value),
                      [](double a, double b) { return a / b; });
    };
    const auto finding = [&](const char* what, const char* other, const char* claim, double least,
                             const RunValue& value) {
      return tools::judge({.name = fmt::format("{}, batch norm / {}, ReLU, {}", what, label_of(other),
                                               largest_cell_text(runs)),
                           .claim = claim,
                           .unit = "times",
                           .scale = Endpoint::Scale::ratio,
                           .least = least},
                          ratio_to(other, value));
    };
    constexpr auto growth = "growth of the squared gradient a layer";
    constexpr auto rank = "effective rank of the batch in the last hidden layer";
    return {
        finding(growth, "plain",
                "At the start batch norm makes gradients grow layer by layer towards the input.", 1.2,
                growth_of),
        finding(growth, "ln", "Layer norm does not make gradients grow as batch norm does.", 1.2, growth_of),
        finding(rank, "plain", "At the start batch norm keeps images apart that a plain network makes alike.",
                2.0, last_rank),
        finding(rank, "ln", "Layer norm does not keep images apart as batch norm does.", 2.0, last_rank)};
  }

  [[nodiscard]] std::vector<Figure> figures(std::span<const RunResult> runs) const override {
    std::vector<Figure> figures;
    for (const char* activation : {"relu", "tanh", "linear"}) {
      figures.push_back(curves(runs, activation, "squared_gradients",
                               "Squared gradient of each layer's weights",
                               {.name = "squared gradient, last layer = 1", .logarithmic = true}));
      figures.push_back(curves(runs, activation, "effective_ranks",
                               "Directions that a batch's images differ in",
                               {.name = "effective rank of what the layer gives", .logarithmic = true}));
    }
    Figure cosines{
        .title = fmt::format("Cosine between two images of a batch, ReLU, {}", largest_cell_text(runs)),
        .x = {.name = "hidden layer, from the input"},
        .y = {.name = "mean cosine of what the layer gives", .low = 0.0, .high = 1.0}};
    for (const char* model : signal_arms)
      cosines.series.push_back(
          {.arm = model,
           .label = label_of(model),
           .points = mean_curve(runs, largest_cell(runs, "relu") && of_model(model), "mean_cosines"),
           .marked = false});
    figures.push_back(std::move(cosines));
    return figures;
  }

  [[nodiscard]] std::vector<Table> tables(std::span<const RunResult> runs) const override {
    return {
        table(runs,
              "Growth of the squared gradient a layer towards the input (theory for batch norm with ReLU: "
              "1.467)",
              growth_of, 3),
        table(runs, "Effective rank of the batch in the last hidden layer", last_rank, 2)};
  }

 private:
  static Figure curves(std::span<const RunResult> runs, const std::string& activation,
                       const std::string& measure, const std::string& title, const Axis& y) {
    Figure figure{
        .title = fmt::format("{}, {}, {}", title, activation_label(activation), largest_cell_text(runs)),
        .x = {.name = "hidden layer, from the input"},
        .y = y};
    for (const char* model : signal_arms)
      figure.series.push_back(
          {.arm = model,
           .label = label_of(model),
           .points = geometric_curve(runs, largest_cell(runs, activation) && of_model(model), measure),
           .marked = false});
    return figure;
  }

  // By cell, with a last row that says in how many batch norm has more than the plain network.
  static Table table(std::span<const RunResult> runs, const std::string& title, const RunValue& value,
                     int decimals) {
    Table table{.title = title, .header = {"network", "plain", "batch norm", "layer norm"}};
    const SignalGrid grid{runs};
    int cells = 0;
    int more = 0;
    for (const char* activation : signal_activations)
      for (const auto width : grid.widths)
        for (const auto batch : grid.batches) {
          std::vector<std::string> row{
              fmt::format("{}, width {}, batch {}", activation_label(activation), width, batch)};
          std::map<std::string, double> means;
          for (const char* model : signal_arms) {
            const auto point = geometric_point(
                0.0, by_seed(runs, in_cell(activation, width, batch) && of_model(model), value));
            means[model] = point.y;
            row.push_back(interval_text(point, decimals));
          }
          ++cells;
          more += means["bn"] > means["plain"] ? 1 : 0;
          table.rows.push_back(std::move(row));
        }
    table.rows.push_back(
        {"more with batch norm than plain", "", fmt::format("{} of {} cells", more, cells), ""});
    return table;
  }
};

}  // namespace

std::unique_ptr<Study> signal_study() {
  return std::make_unique<SignalStudy>();
}

}  // namespace keel::tools
