// The study of statistics recomputed under corruption.

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../../support/planted_runs.hpp"
#include "../../support/study_support.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/data/corruption.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/studies/registry.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

// One real run of batch norm.
RunResult shift_run(const DataSet& data, bool quick) {
  const ThreadLimit one_thread{1};
  for (const auto& job : judged_jobs(*find_study("shift"), {.data = data, .seeds = 1, .quick = quick}))
    if (job.settings.model == "bn") return job.run(job.settings, {.data = data, .stop = {}}).value();
  return {};
}

// Of dark images, so that nothing is cut off when they are made brighter.
DataSet dark_data() {
  DataSet data = tiny_data();
  for (auto* set : {&data.train, &data.test})
    for (auto& pixel : set->pixels) pixel /= 2;
  return data;
}

BOOST_AUTO_TEST_SUITE(shift_study)

// The primary counts corruptions for and against; the others judge each by itself.
BOOST_AUTO_TEST_CASE(corruptions_for_and_against_are_counted) {
  const auto& study = *find_study("shift");
  auto runs = planted_runs(study, 1.0, 12);
  for (auto& run : runs) {
    if (run.settings.model != "bn") continue;
    for (double& accuracy : run.measures.at("translation_recomputed")) accuracy = 0.4;
    for (double& accuracy : run.measures.at("occlusion_recomputed"))
      accuracy = 0.505;  // half a point: neither
  }
  const auto findings = study.judge(runs);
  BOOST_REQUIRE(findings.size() == 8U);
  BOOST_TEST(findings[0].effect.mean == 3.0);
  BOOST_TEST(name_of(findings[0].verdict) == "supported");
  BOOST_TEST(findings[1].effect.mean == 10.0, boost::test_tools::tolerance(1e-2));  // noise
  BOOST_TEST(name_of(findings[5].verdict) == "contradicted");
  BOOST_TEST(name_of(findings[6].verdict) == "ruled out");
  BOOST_TEST(findings[7].effect.mean == 10.0, boost::test_tools::tolerance(1e-2));  // sorted batches
  const auto title = study.tables(runs).front().title;
  BOOST_TEST(title.ends_with("20 of 30 cells hold, 5 speak against"), title);
}

// Brightness adds the same to every pixel, which recomputed means take out wholly: at every strength they
// give the same accuracy, and about that of clean images.
BOOST_AUTO_TEST_CASE(brightness_is_taken_out_wholly) {
  const auto run = shift_run(dark_data(), false);
  const auto& sizes = run.measures.at("images");
  BOOST_TEST(sizes == (std::vector{1.0, 10.0, 50.0}),
             boost::test_tools::per_element());  // of 100 test images
  const auto& recomputed = run.measures.at("brightness_recomputed");
  const auto& trained = run.measures.at("brightness_as_trained");
  BOOST_REQUIRE(recomputed.size() == 15U);
  for (std::size_t strength = 1; strength < 5; ++strength)
    for (std::size_t size = 1; size < 3; ++size)
      BOOST_TEST(std::abs(recomputed[3 * strength + size] - recomputed[size]) <=
                 0.021);  // one image of 50, by rounding
  BOOST_TEST(trained.back() < run.measures.at("clean_as_trained")[0] - 0.1);
  BOOST_TEST(recomputed[2] > trained.back() + 0.1);
}

// What a single image is blended with are the training's statistics at 16 to 1.
BOOST_AUTO_TEST_CASE(a_single_image_blended_hardly_changes_anything) {
  const auto run = shift_run(tiny_data(), true);
  for (const auto corruption : all_corruptions()) {
    const auto name = name_of(corruption);
    const auto& trained = run.measures.at(name + "_as_trained");
    const auto& blended = run.measures.at(name + "_blended");
    BOOST_REQUIRE(trained.size() == 2U);
    BOOST_REQUIRE(blended.size() == 6U);
    for (std::size_t strength = 0; strength < 2; ++strength)
      BOOST_TEST(std::abs(blended[3 * strength] - trained[strength]) < 0.2, name);
  }
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_numbers) {
  const auto once = shift_run(tiny_data(), true);
  BOOST_TEST((once.measures == shift_run(tiny_data(), true).measures));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
