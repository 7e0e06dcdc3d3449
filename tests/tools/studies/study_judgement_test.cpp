// What every study makes of results whose effect is known, and of results that are not whole.

#include "keel/tools/runs/judgement.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <set>

#include "../../support/planted_runs.hpp"
#include "../../support/study_support.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/findings/finding_json.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

// As the report gets them.
std::vector<RunResult> through_json(std::span<const RunResult> runs) {
  std::vector<RunResult> result;
  for (const auto& run : runs) result.push_back(run_of(Json::parse(to_json(run).dump())));
  return result;
}

// Everything that is drawn and printed, so that it can be compared.
std::vector<std::string> shown(const Study& study, std::span<const RunResult> runs) {
  std::vector<std::string> text;
  for (const auto& figure : study.figures(runs)) {
    text.push_back(figure.title + figure.x.name + figure.y.name);
    for (const auto& series : figure.series) {
      text.push_back(series.arm + series.label);
      for (const auto& point : series.points)
        text.push_back(Json{number(point.x), number(point.y), number(point.low), number(point.high)}.dump());
    }
  }
  for (const auto& table : study.tables(runs))
    for (const auto& row : table.rows) text.push_back(Json(row).dump());
  text.push_back(study.summary(runs).dump());
  return text;
}

// The measures of a run but those of targets, which may be missed, and those that tell of its numbers.
std::set<std::string> names_of(const RunResult& run) {
  std::set<std::string> names;
  for (const auto& [name, values] : run.measures)
    if (!name.starts_with("steps_to_") && !name.starts_with("to_") && !name.starts_with("health_") &&
        !name.starts_with("f64_"))
      names.insert(name);
  return names;
}

// Whether the study's main effect must have a size, so that less of it can be ruled out.
bool has_least(const Endpoint& endpoint) {
  return endpoint.least > (endpoint.scale == Endpoint::Scale::ratio ? 1.0 : 0.0);
}

BOOST_AUTO_TEST_SUITE(study_judgement)

BOOST_AUTO_TEST_CASE(the_studies_stand_in_the_order_of_the_report) {
  const std::vector<std::string> expected{"convergence", "learning-rate",  "initialization", "depth",
                                          "activations", "regularization", "small-batch",    "statistics",
                                          "inference",   "recurrent",      "cost",           "signal",
                                          "normalizers", "discrepancy",    "ghost",          "weight-decay",
                                          "shift",       "landscape",      "sharpness"};
  std::vector<std::string> names;
  for (const auto& study : studies()) names.push_back(study->name());
  BOOST_TEST(names == expected, boost::test_tools::per_element());
  for (const auto& name : names) BOOST_TEST(find_study(name)->name() == name);
  BOOST_TEST(find_study("batch-study")->name() == "batch-study");
  BOOST_TEST(find_study("folklore") == nullptr);
}

BOOST_AUTO_TEST_CASE(every_study_says_what_it_claims_does_and_cannot_know) {
  for (const auto* study : every_study()) {
    for (const auto& text : {study->claim(), study->experiment(), study->caveat()})
      BOOST_TEST(text.ends_with('.'), study->name() << ": " << text);
    BOOST_TEST(study->experiment() != study->caveat());
  }
}

BOOST_AUTO_TEST_CASE(every_arm_of_every_seed_is_run_once) {
  for (const auto* study : every_study()) {
    for (const bool quick : {false, true}) {
      std::map<std::uint64_t, std::set<std::string>> by_seed;
      for (const auto& job :
           judged_jobs(*study, {.data = tiny_data(), .first_seed = 7, .seeds = 3, .quick = quick})) {
        BOOST_TEST(job.cost > 0.0);
        auto all = job.prefixes;
        all.push_back(job.settings);
        for (auto& settings : all) {
          BOOST_TEST(settings.study == study->name());
          const auto seed = std::exchange(settings.seed, 0);
          BOOST_TEST(by_seed[seed].insert(to_json(settings).dump()).second, describe(settings));
        }
      }
      BOOST_REQUIRE(by_seed.size() == 3U);
      BOOST_TEST(by_seed.contains(7));
      BOOST_TEST(by_seed.contains(9));
      BOOST_TEST((by_seed[7] == by_seed[8] && by_seed[7] == by_seed[9]), study->name());
    }
  }
}

// One real run of each study and model: what is planted below has the names that these have.
BOOST_AUTO_TEST_CASE(planted_runs_measure_what_real_ones_do) {
  const ThreadLimit one_thread{1};
  for (const auto* study : every_study()) {
    std::set<std::string> models;
    for (const auto& job : judged_jobs(*study, {.data = tiny_data(), .seeds = 1, .quick = true})) {
      if (!models.insert(job.settings.model).second) continue;
      auto settings = job.settings;
      settings.epochs = std::max(settings.epochs, 3);  // more than ten steps, some of which are looked at
      const auto run = job.run(settings, {.data = tiny_data(),
                                          .stop = {},
                                          .hand_in = [](const RunResult&) {},
                                          .program = std::getenv("KEEL_PROGRAM")});
      BOOST_REQUIRE(run.has_value());
      const auto planted = planted_run(settings, 1.0);
      BOOST_TEST((names_of(*run) == names_of(planted)), study->name() << " " << settings.model);
      BOOST_TEST(run->epochs.empty() == planted.epochs.empty(), study->name());
      for (const char* name : {"population_loss", "bn_over_plain_seconds", "gradient_norms_after_10"}) {
        if (planted.measures.contains(name))
          BOOST_TEST(run->measures.at(name).size() == planted.measures.at(name).size(), name);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_clear_effect_is_supported_and_its_opposite_contradicted) {
  for (const auto* study : every_study()) {
    BOOST_TEST(verdict_of(*study, planted_runs(*study, 1.0)) == "supported", study->name());
    const auto none = study->judge(planted_runs(*study, 0.0)).front();
    BOOST_TEST(name_of(none.verdict) == (has_least(none.endpoint) ? "ruled out" : "not shown"),
               study->name());
    BOOST_TEST(verdict_of(*study, planted_runs(*study, -1.0)) == "contradicted", study->name());
  }
}

// An effect of 2 % of the clear one is certain all the same, as the seeds hardly differ.
BOOST_AUTO_TEST_CASE(an_effect_that_is_certain_but_small_is_shown_only_where_no_least_one_is_asked_for) {
  for (const auto* study : every_study()) {
    const auto primary = study->judge(planted_runs(*study, 0.02)).front();
    BOOST_TEST(name_of(primary.verdict) == (has_least(primary.endpoint) ? "ruled out" : "supported"),
               study->name());
  }
}

BOOST_AUTO_TEST_CASE(every_finding_has_a_value_for_every_seed) {
  for (const auto* study : every_study()) {
    const auto findings = study->judge(planted_runs(*study, 1.0, 4));
    for (const auto& finding : findings) {
      BOOST_TEST(finding.values.size() == 4U, study->name() << ": " << finding.endpoint.name);
      BOOST_TEST(finding.effect.p.has_value(), study->name() << ": " << finding.endpoint.name);
      BOOST_TEST(finding.endpoint.claim.ends_with('.'));
    }
  }
}

BOOST_AUTO_TEST_CASE(one_seed_shows_nothing) {
  for (const auto* study : every_study()) {
    for (const auto& finding : study->judge(planted_runs(*study, 1.0, 1))) {
      BOOST_TEST(name_of(finding.verdict) == "not shown", study->name() << ": " << finding.endpoint.name);
      BOOST_TEST((!finding.effect.low && !finding.effect.high && !finding.effect.p));
      BOOST_TEST(std::isfinite(finding.effect.mean));
    }
  }
}

BOOST_AUTO_TEST_CASE(runs_that_all_failed_show_nothing) {
  for (const auto* study : every_study()) {
    auto runs = planted_runs(*study, 1.0);
    for (auto& run : runs) run = failed_run(run.settings);
    for (const auto& finding : study->judge(runs))
      BOOST_TEST(name_of(finding.verdict) == "not shown", study->name() << ": " << finding.endpoint.name);
    BOOST_TEST(!shown(*study, runs).empty());
  }
}

BOOST_AUTO_TEST_CASE(an_arm_whose_runs_failed_shows_nothing) {
  for (const auto* study : every_study()) {
    for (const double effect : {1.0, 0.0, -1.0}) {
      const auto whole = planted_runs(*study, effect);
      for (const auto& model : {"plain", "bn", "bn-shared", "ln", "bn-per-step", "plain and bn"}) {
        auto runs = whole;
        bool counts = false;
        for (auto& run : runs) {
          if (run.settings.model != model) continue;
          counts = counts || counts_for_verdict(run.settings);
          run = failed_run(run.settings);
        }
        if (counts)
          BOOST_TEST(verdict_of(*study, runs) == "not shown", study->name() << " without " << model);
        BOOST_TEST(!shown(*study, runs).empty());
      }
    }
  }
}

// A seed of which a run is missing cannot speak for the claim, and to leave it out would be to pick seeds.
BOOST_AUTO_TEST_CASE(
    a_single_failed_run_shows_nothing_where_it_counts_and_changes_nothing_where_it_does_not) {
  for (const auto* study : every_study()) {
    const auto whole = planted_runs(*study, 1.0);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      auto runs = whole;
      runs[i] = failed_run(whole[i].settings);
      BOOST_TEST(
          verdict_of(*study, runs) == (counts_for_verdict(whole[i].settings) ? "not shown" : "supported"),
          "without " << describe(whole[i].settings));
    }
    auto runs = whole;
    runs.front() = failed_run(whole.front().settings);
    BOOST_TEST(!shown(*study, runs).empty());
  }
}

BOOST_AUTO_TEST_CASE(no_runs_at_all_have_figures_and_tables_without_content) {
  for (const auto* study : every_study()) {
    for (const auto& figure : study->figures({}))
      for (const auto& series : figure.series)
        for (const auto& point : series.points) BOOST_TEST(!std::isfinite(point.y), figure.title);
    study->tables({});
    BOOST_TEST(study->summary({}).is_object());
  }
}

BOOST_AUTO_TEST_CASE(figures_name_their_axes_and_stay_within_their_categories) {
  for (const auto* study : every_study()) {
    const auto runs = planted_runs(*study, 1.0, 3);
    BOOST_TEST(!study->figures(runs).empty());
    for (const auto& figure : study->figures(runs)) {
      BOOST_TEST((!figure.title.empty() && !figure.x.name.empty() && !figure.y.name.empty()));
      BOOST_TEST(!figure.title.ends_with('.'), figure.title);
      BOOST_TEST(!figure.series.empty(), figure.title);
      for (const auto& series : figure.series) {
        BOOST_TEST((!series.arm.empty() && !series.label.empty()), figure.title);
        BOOST_TEST(!series.points.empty(), figure.title << ", " << series.label);
        for (const auto& point : series.points) {
          BOOST_TEST(std::isfinite(point.y), figure.title << ", " << series.label << " at " << point.x);
          if (!figure.x.categories.empty())
            BOOST_TEST(point.x <= static_cast<double>(figure.x.categories.size()) - 1.0, figure.title);
          if (figure.x.logarithmic) BOOST_TEST(point.x > 0.0, figure.title);
        }
      }
    }
    for (const auto& table : study->tables(runs))
      for (const auto& row : table.rows) BOOST_TEST(row.size() == table.header.size(), table.title);
  }
}

BOOST_AUTO_TEST_CASE(runs_read_back_from_results_json_are_shown_and_judged_alike) {
  for (const auto* study : every_study()) {
    auto runs = planted_runs(*study, 1.0, 2);
    runs.back() = failed_run(runs.back().settings);
    const auto again = through_json(runs);
    BOOST_TEST(shown(*study, again) == shown(*study, runs), boost::test_tools::per_element());
    const auto before = study->judge(runs);
    const auto after = study->judge(again);
    BOOST_REQUIRE(before.size() == after.size());
    for (std::size_t i = 0; i < before.size(); ++i)
      BOOST_TEST(to_json(before[i]).dump() == to_json(after[i]).dump());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
