#include "keel/tools/studies/batch_trade_offs.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "keel/tools/findings/statistics.hpp"
#include "keel/tools/system/number_text.hpp"
#include "keel/tools/training/targets.hpp"

namespace keel::tools {
namespace {

// A number of a run, and what is said when the smaller batch has less of it, or more, or neither for certain.
struct Quantity {
  const char* less;
  const char* more;
  const char* name;
  RunValue value;
  int decimals;
  double scale = 1.0;
};

std::vector<Quantity> speeds() {
  return {{"fewer epochs to 95 %", "more epochs to 95 %", "epochs to 95 %",
           [](const RunResult& run) { return epochs_to(run, 0.95); }, 2},
          {"fewer steps to 95 %", "more steps to 95 %", "steps to 95 %",
           [](const RunResult& run) { return measure(run, "steps_to_95"); }, 0},
          {"less time to 95 %, in seconds", "more time to 95 %, in seconds", "seconds to 95 %",
           [](const RunResult& run) { return measure(run, "to_95_seconds"); }, 2}};
}

std::vector<Quantity> ends() {
  return {
      {"batch losses that vary less", "batch losses that vary more", "variation of the batch losses",
       [](const RunResult& run) { return measure(run, "last_losses_sd"); }, 3},
      {"a lower final accuracy, in %", "a higher final accuracy, in %", "final accuracy, in %",
       final_accuracy, 2, 100.0},
      {"a lower validation loss", "a higher validation loss", "validation loss", final_validation_loss, 4},
      {"a lower excess of validation over training loss", "a higher excess of validation over training loss",
       "excess of validation over training loss", loss_gap, 4}};
}

using SeedValues = std::vector<double>;

std::size_t count_finite(const SeedValues& values) {
  return static_cast<std::size_t>(std::ranges::count_if(values, [](double v) { return std::isfinite(v); }));
}

class Contrast {
 public:
  Contrast(const BatchRuns& runs, BatchView view, const char* model)
      : runs_(runs), view_(view), model_(model) {}

  void say(const Quantity& quantity) {
    const auto [small, large] = values_of(quantity.value, quantity.scale);
    if (small.empty() || count_finite(small) < small.size() || count_finite(large) < large.size()) return;
    const auto numbers = fmt::format("({} against {})", fixed_text(summarize(small).mean, quantity.decimals),
                                     fixed_text(summarize(large).mean, quantity.decimals));
    const auto difference = paired_difference(small, large);  // of large - small
    if (difference.low.value_or(0.0) > 0.0)
      clear_.push_back(fmt::format("{} {}", quantity.less, numbers));
    else if (difference.high.value_or(0.0) < 0.0)
      clear_.push_back(fmt::format("{} {}", quantity.more, numbers));
    else
      unclear_.push_back(fmt::format("{} {}", quantity.name, numbers));
  }

  // A run that never gets to 95 % is not left out: then it is counted who does.
  void say_speed() {
    const auto quantities = speeds();
    const auto [small, large] = values_of(quantities.front().value);
    if (count_finite(small) == small.size() && count_finite(large) == large.size()) {
      for (const auto& quantity : quantities) say(quantity);
      return;
    }
    clear_.push_back(fmt::format("95 % reached by {} of {} runs against {} of {}", count_finite(small),
                                 small.size(), count_finite(large), large.size()));
  }

  [[nodiscard]] std::string sentence() const {
    const auto [small, large] = values_of(final_validation_loss);
    if (small.empty()) return "no runs";
    auto text = fmt::format("{}", fmt::join(clear_, ", "));
    if (!unclear_.empty()) {
      text += fmt::format("{}{} {}", text.empty() ? "" : "; ",
                          small.size() > 1 ? "no clear difference in" : "of one seed, not told from chance:",
                          fmt::join(unclear_, ", "));
    }
    const auto small_sd = summarize(small).sd;
    const auto large_sd = summarize(large).sd;
    if (small_sd && large_sd) {
      text += fmt::format("; over the seeds the final loss varies by {} against {}", fixed_text(*small_sd, 4),
                          fixed_text(*large_sd, 4));
    }
    return fmt::format("Batch {} against {}: {}.", runs_.sizes().front(), runs_.sizes().back(), text);
  }

 private:
  // Of the smallest and the largest batch size, for the seeds that both have.
  [[nodiscard]] std::pair<SeedValues, SeedValues> values_of(const RunValue& value, double scale = 1.0) const {
    const auto of = [&](std::int64_t batch) { return runs_.by_seed(view_, model_, batch, value); };
    const auto small = of(runs_.sizes().front());
    const auto large = of(runs_.sizes().back());
    return {pairwise(small, large, [&](double a, double) { return scale * a; }),
            pairwise(small, large, [&](double, double b) { return scale * b; })};
  }

  const BatchRuns& runs_;
  BatchView view_;
  const char* model_;
  std::vector<std::string> clear_;
  std::vector<std::string> unclear_;
};

}  // namespace

Table batch_trade_offs(const BatchRuns& runs) {
  Table table{.title = "The trade-offs, in words",
              .header = {"view, network",
                         "what the numbers say (a difference is told where its 95 % interval "
                         "leaves out zero; the intervals are not corrected for their number)"},
              .words = true};
  for (const auto view : batch_views) {
    for (const char* model : batch_models) {
      Contrast contrast{runs, view, model};
      contrast.say_speed();
      for (const auto& quantity : ends()) contrast.say(quantity);
      table.rows.push_back({fmt::format("{}, {}", name_of(view), label_of(model)), contrast.sentence()});
    }
  }
  return table;
}

}  // namespace keel::tools
