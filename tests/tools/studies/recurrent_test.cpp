// What the study of recurrent networks makes of its runs, and the networks themselves beside numbers by hand.

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../../support/planted_runs.hpp"
#include "../../support/study_support.hpp"
#include "keel/models/compiled_function.hpp"
#include "keel/models/initialize.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/runs/judgement.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/training/recurrent_network.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

using Matrix = std::vector<std::vector<double>>;

const Study& study() {
  return *find_study("recurrent");
}

std::vector<RunResult> changed(double effect, const std::string& model,
                               const std::function<void(RunResult&)>& change) {
  auto runs = planted_runs(study(), effect);
  for (auto& run : runs)
    if (run.settings.model == model) change(run);
  return runs;
}

// (N, in) times (out, in) transposed.
Matrix product(const Matrix& rows, std::span<const float> weights) {
  const auto inputs = rows[0].size();
  Matrix result;
  for (const auto& row : rows) {
    result.emplace_back();
    for (std::size_t out = 0; out < weights.size() / inputs; ++out) {
      double sum = 0.0;
      for (std::size_t i = 0; i < inputs; ++i) sum += row[i] * weights[out * inputs + i];
      result.back().push_back(sum);
    }
  }
  return result;
}

// Batch norm with gamma 0.1 and no beta.
Matrix normalized(Matrix rows) {
  const auto count = static_cast<double>(rows.size());
  for (std::size_t unit = 0; unit < rows[0].size(); ++unit) {
    double mean = 0.0;
    double variance = 0.0;
    for (const auto& row : rows) mean += row[unit] / count;
    for (const auto& row : rows) variance += (row[unit] - mean) * (row[unit] - mean) / count;
    for (auto& row : rows) row[unit] = 0.1 * (row[unit] - mean) / std::sqrt(variance + 1e-5);
  }
  return rows;
}

BOOST_AUTO_TEST_SUITE(recurrent_study)

// Images of 3 x 3 of which rows 1 and 2 and columns 0 and 1 are read.
BOOST_AUTO_TEST_CASE(both_products_are_normalized_each_by_itself_and_what_is_cropped_does_not_matter) {
  for (const char* model : {"bn-shared", "bn-per-step"}) {
    RecurrentNetwork network{{.height = 3,
                              .width = 3,
                              .crop = {.top = 1, .left = 0, .rows = 2, .columns = 2},
                              .state = 4,
                              .classes = 2,
                              .model = model}};
    initialize(network, Rng{7});
    std::map<std::string, std::span<float>> values;
    for (const auto& [path, parameter] : parameters(network)) values[path] = parameter->value().data<float>();
    Tensor images{Shape{5, 9}};
    Rng rng{3};
    for (auto& pixel : images.data<float>()) pixel = static_cast<float>(rng.uniform(-1.0, 1.0));
    std::array<Matrix, 2> rows;
    for (std::size_t image = 0; image < 5; ++image)
      for (std::size_t row = 0; row < 2; ++row)
        rows[row].push_back({images.data<float>()[9 * image + 3 * (row + 1)],
                             images.data<float>()[9 * image + 3 * (row + 1) + 1]});

    auto state = normalized(product(rows[0], values.at("input.weights")));
    for (auto& row : state)
      for (auto& unit : row) unit = std::tanh(unit);
    auto next = normalized(product(rows[1], values.at("input.weights")));
    const auto of_state = normalized(product(state, values.at("hidden.weights")));
    for (std::size_t image = 0; image < 5; ++image)
      for (std::size_t unit = 0; unit < 4; ++unit)
        next[image][unit] = std::tanh(next[image][unit] + of_state[image][unit]);
    const auto expected = product(next, values.at("output.weights"));

    CompiledFunction function{Mode::training,
                              [&](Tape&, std::span<const Var> v) { return std::vector{network(v[0])}; }};
    const Tensor logits = function(std::array{images}).output(0);
    for (std::size_t image = 0; image < 5; ++image)
      for (std::size_t k = 0; k < 2; ++k)
        BOOST_TEST(std::abs(logits.data<float>()[2 * image + k] - expected[image][k] -
                            values.at("output.bias")[k]) < 1e-5,
                   model);
  }
}

BOOST_AUTO_TEST_CASE(only_the_hidden_products_norms_have_a_fixed_beta) {
  RecurrentNetwork network{
      {.height = 4, .width = 4, .crop = {.rows = 4, .columns = 4}, .state = 3, .model = "bn-per-step"}};
  int fixed = 0;
  for (const auto& [path, parameter] : parameters(network)) {
    const bool is_hidden_beta = path.starts_with("hidden_bn") && path.ends_with(".beta");
    BOOST_TEST(parameter->frozen() == is_hidden_beta, path);
    fixed += is_hidden_beta ? 1 : 0;
  }
  BOOST_TEST(fixed == 3);
}

BOOST_AUTO_TEST_CASE(naive_batch_norm_must_be_worse_than_the_worst_of_the_others) {
  const auto runs = changed(1.0, "ln", [](RunResult& run) { run.epochs.back().validation.accuracy = 0.7; });
  auto agreeing = runs;
  for (auto& run : agreeing)
    if (run.settings.model == "ln") run.measures["f64_accuracy"] = {70.0};
  BOOST_TEST(verdict_of(study(), agreeing) == "contradicted");
}

BOOST_AUTO_TEST_CASE(runs_at_the_common_rate_are_not_judged) {
  auto runs = planted_runs(study(), 1.0);
  for (auto& run : runs)
    if (run.settings.factors.at("rate") == "common") run.epochs.back().validation.accuracy = 0.1;
  BOOST_TEST(verdict_of(study(), runs) == "supported");
}

BOOST_AUTO_TEST_CASE(an_arm_that_double_precision_does_not_confirm_withholds_what_rests_on_it) {
  const auto runs =
      changed(1.0, "bn-per-step", [](RunResult& run) { run.measures["f64_accuracy"] = {95.0}; });
  const std::vector<const Study*> one{&study()};
  const auto judgements = judge_all(one, runs);
  for (const auto& finding : judgements[0].findings) {
    BOOST_TEST((finding.verdict == Verdict::not_shown));
    BOOST_TEST(finding.withheld.find("statistics per step came to 95.0 %") != std::string::npos,
               finding.withheld);
  }
  const auto of_ln = changed(1.0, "ln", [](RunResult& run) { run.measures["f64_accuracy"] = {95.0}; });
  BOOST_TEST(study().judge(of_ln)[1].withheld == "");
}

BOOST_AUTO_TEST_CASE(the_tables_show_both_rates_and_both_precisions) {
  const auto tables = study().tables(planted_runs(study(), 1.0));
  BOOST_REQUIRE(tables.size() == 2U);
  BOOST_TEST(tables[0].title.find("8 rows of 8 pixels") != std::string::npos, tables[0].title);
  BOOST_TEST(tables[0].rows.at(1).at(0) == "batch norm, shared statistics");
  BOOST_TEST(tables[0].rows.at(1).at(2) == "80.0 +- 0.0 %");
  BOOST_TEST(tables[1].rows.at(1).at(3) == "80.00 %");
  BOOST_TEST(tables[1].rows.at(1).at(5) == "yes");
}

// Two seeds have a repeat in f64, which trains the same and is close to it.
BOOST_AUTO_TEST_CASE(the_first_two_seeds_are_repeated_in_double_precision) {
  const ThreadLimit one_thread{1};
  std::map<std::uint64_t, int> repeats;
  for (const auto& job : judged_jobs(study(), {.data = tiny_data(), .first_seed = 4, .seeds = 3})) {
    if (job.settings.model == "plain") continue;
    if (job.settings.model == "ln" && job.settings.seed < 6) continue;
    auto settings = job.settings;
    settings.epochs = 1;
    settings.limit = 100;
    const auto run =
        job.run(settings, {.data = tiny_data(), .stop = {}, .hand_in = [](const RunResult&) {}}).value();
    if (!run.measures.contains("f64_accuracy")) continue;
    ++repeats[settings.seed];
    BOOST_TEST(settings.factors.at("rate").word() == "tuned");
    BOOST_TEST(run.measures.at("f64_accuracy")[0] == 100.0 * run.epochs.back().validation.accuracy,
               boost::test_tools::tolerance(0.05));
  }
  BOOST_TEST((repeats == std::map<std::uint64_t, int>{{4, 2}, {5, 2}}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
