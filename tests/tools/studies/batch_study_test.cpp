// `keel batch-study` as its users meet it.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <set>

#include "../../support/study_support.hpp"

namespace keel::test {
namespace {

using tools::Json;

constexpr auto same_rate = "the same rate and epochs";
constexpr auto scaled_rate = "a rate scaled with the batch";
constexpr auto same_steps = "the same number of steps";

std::int64_t steps_of(const Json& run) {
  std::int64_t steps = 0;
  for (const auto& epoch : run.at("epochs")) steps += epoch.at("steps").get<std::int64_t>();
  return steps;
}

struct Batches : StudyFolder {
  [[nodiscard]] Json study(const std::string& arguments, const std::string& out = "results") const {
    const auto finished = keel(fmt::format("batch-study {} --out {}", arguments, out));
    BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
    return results_in(*this / out);
  }

  void check_same_steps(const Json& json, std::int64_t steps) const {
    for (const auto& run : json.at("runs")) {
      const bool shared = run.at("batch_size") == 64;
      if (shared || run.at("factors").at("view") == same_steps)
        BOOST_TEST(steps_of(run) == steps,
                   "batch " << run.at("batch_size") << " made " << steps_of(run) << " steps");
    }
  }
};

BOOST_FIXTURE_TEST_SUITE(batch_study, Batches)

// 320 training images and two epochs of batches of 64: ten steps.
BOOST_AUTO_TEST_CASE(each_view_holds_something_else_fixed) {
  const auto json = study("--batch-sizes 32,64,128 --epochs 2 --seeds 2 --learning-rate 0.02");
  std::map<std::string, int> count;
  for (const auto& run : json.at("runs")) {
    const auto view = run.at("factors").at("view").get<std::string>();
    const auto batch = run.at("batch_size").get<std::int64_t>();
    ++count[fmt::format("{} {}", view, batch)];
    const auto& epochs = run.at("epochs");
    const std::int64_t an_epoch = (320 + batch - 1) / batch;
    BOOST_TEST(epochs.at(0).at("steps") == an_epoch);
    BOOST_TEST(run.at("measures").at("steps_per_epoch").at(0) == static_cast<double>(an_epoch));
    const double rate = run.at("learning_rate").get<double>();
    BOOST_TEST(rate == (view == scaled_rate ? 0.02 * static_cast<double>(batch) / 64.0 : 0.02));
    BOOST_TEST(run.at("momentum") == 0.9);
    if (view == same_steps) {
      BOOST_TEST(steps_of(run) == 10);
    } else {
      BOOST_TEST(epochs.size() == 2U);
      BOOST_TEST(steps_of(run) == 2 * an_epoch);
    }
  }
  // Two seeds and two networks; the shared batch size is trained once.
  const std::map<std::string, int> expected{
      {fmt::format("{} 32", same_rate), 4},    {fmt::format("{} 64", same_rate), 4},
      {fmt::format("{} 128", same_rate), 4},   {fmt::format("{} 32", scaled_rate), 4},
      {fmt::format("{} 128", scaled_rate), 4}, {fmt::format("{} 32", same_steps), 4},
      {fmt::format("{} 128", same_steps), 4}};
  BOOST_TEST((count == expected));
}

// Views (a) and (c) share a training, of which the shorter run is the beginning: what `keel compare` gives for it.
BOOST_AUTO_TEST_CASE(runs_that_share_a_training_are_those_of_trainings_of_their_own) {
  const auto json = study("--batch-sizes 32,128 --epochs 2 --seeds 2");
  for (const auto& [batch, view, epochs] :
       {std::tuple{32, same_rate, 2}, {32, same_steps, 1}, {128, same_rate, 2}, {128, same_steps, 4}}) {
    // 10 steps of 32 are an epoch of 320 images, and of 128 three and a third.
    const auto name = fmt::format("{}-{}", batch, epochs);
    const auto finished =
        keel(fmt::format("compare --batch-size {} --epochs {} --seeds 2 --out {}", batch, epochs, name));
    BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
    const auto compared = results_in(*this / name);
    int found = 0;
    for (const auto& run : json.at("runs")) {
      if (run.at("batch_size") != batch || run.at("factors").at("view") != view) continue;
      ++found;
      const auto other = std::ranges::find_if(compared.at("runs"), [&](const Json& candidate) {
        return candidate.at("model") == run.at("model") && candidate.at("seed") == run.at("seed");
      });
      const std::size_t whole = epochs == 4 ? 3 : static_cast<std::size_t>(epochs);
      for (std::size_t epoch = 0; epoch < whole; ++epoch)
        for (const char* number : {"steps", "train_loss", "validation_loss", "validation_accuracy"})
          BOOST_TEST(run.at("epochs").at(epoch).at(number) == other->at("epochs").at(epoch).at(number));
      if (epochs != 4) BOOST_TEST(run.at("test_loss") == other->at("test_loss"));
      BOOST_TEST(run.at("epochs").size() == static_cast<std::size_t>(epochs));
    }
    BOOST_TEST(found == 4);
  }
}

BOOST_AUTO_TEST_CASE(a_training_that_diverges_early_is_the_same_to_all_its_views) {
  const auto finished =
      keel("batch-study --batch-sizes 16,64 --epochs 2 --learning-rate 1000000 --out results");
  BOOST_TEST(finished.status == 1, finished.err);
  BOOST_TEST(finished.err.find("keel: all 8 runs diverged or learned nothing") != std::string::npos,
             finished.err);
  const auto json = results_in(*this / "results");
  int found = 0;
  for (const auto& run : json.at("runs")) {
    if (run.at("batch_size") != 16 || run.at("model") != "plain") continue;
    ++found;
    BOOST_TEST(run.at("diverged") == true);
    BOOST_TEST(steps_of(run) < 10);
  }
  BOOST_TEST(found == 3);
}

BOOST_AUTO_TEST_CASE(a_run_that_has_not_reached_all_targets_is_looked_at_to_its_end) {
  const auto json = study("--batch-sizes 48,64,200 --epochs 3 --learning-rate 0.001");
  for (const auto& run : json.at("runs")) {
    const auto& measures = run.at("measures");
    if (measures.contains("steps_to_97")) continue;
    BOOST_TEST(measures.at("steps").back() == static_cast<double>(steps_of(run)));
    BOOST_TEST(measures.at("accuracy").back() == run.at("epochs").back().at("validation_accuracy"));
  }
}

BOOST_AUTO_TEST_CASE(the_number_of_steps_is_the_same_though_the_last_epoch_is_partial) {
  // 15 steps; batches of 48 make 7 an epoch, of 200 make 2.
  check_same_steps(study("--batch-sizes 48,64,200 --epochs 3 --limit 320"), 15);
}

// Of 65 images, batches of 64 and of 32 leave a single one over, which is not trained on.
BOOST_AUTO_TEST_CASE(the_number_of_steps_is_the_same_though_a_last_single_image_is_left_out) {
  check_same_steps(study("--batch-sizes 32,40,64 --epochs 6 --limit 65"), 6);
  // Of 161, batches of 80 do, and an epoch of them has two steps.
  check_same_steps(study("--batch-sizes 20,64,80 --epochs 2 --limit 161", "other"), 6);
}

BOOST_AUTO_TEST_CASE(the_arms_really_differ_by_batch_size) {
  const auto json = study("--batch-sizes 16,64 --epochs 1");
  std::set<double> losses;
  for (const auto& run : json.at("runs"))
    losses.insert(run.at("epochs").at(0).at("validation_loss").get<double>());
  BOOST_TEST(losses.size() == json.at("runs").size());
}

BOOST_AUTO_TEST_CASE(the_summary_has_means_and_spreads_by_view_network_and_batch) {
  const auto json = study("--batch-sizes 32,64 --epochs 2 --seeds 2");
  const auto& views = json.at("summary").at("batch_sizes");
  BOOST_TEST(views.size() == 3U);
  for (const char* view : {same_rate, scaled_rate, same_steps}) {
    for (const char* model : {"plain", "bn"}) {
      for (const char* batch : {"32", "64"}) {
        const auto& cell = views.at(view).at(model).at(batch);
        for (const char* measure : {"validation_accuracy", "validation_loss"}) {
          std::vector<double> values;
          for (const auto& run : json.at("runs")) {
            const bool shared = run.at("batch_size") == 64;
            if (run.at("model") == model && std::to_string(run.at("batch_size").get<int>()) == batch &&
                (shared || run.at("factors").at("view") == view))
              values.push_back(run.at("epochs").back().at(measure).get<double>());
          }
          BOOST_REQUIRE(values.size() == 2U);
          BOOST_TEST(cell.at(measure).at("mean").get<double>() == (values[0] + values[1]) / 2,
                     boost::test_tools::tolerance(1e-12));
          BOOST_TEST(
              cell.at(measure).at("sd").get<double>() == std::abs(values[0] - values[1]) / std::sqrt(2.0),
              boost::test_tools::tolerance(1e-9));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(it_is_judged_as_a_study) {
  const auto json = study("--batch-sizes 32,64 --epochs 2 --seeds 2");
  for (const char* key : {"claim", "rule", "verdict", "effect"}) BOOST_TEST(json.contains(key), key);
  BOOST_TEST(json.at("studies").at(0).at("name") == "batch-study");
  BOOST_TEST(json.at("studies").at(0).at("findings").size() == 3U + 6U);
  for (const char* key : {"last_losses_sd", "steps", "accuracy", "loss"})
    BOOST_TEST(json.at("runs").at(0).at("measures").contains(key), key);
}

BOOST_AUTO_TEST_CASE(a_single_batch_size_is_compared_by_network_alone) {
  const auto json = study("--batch-sizes 64 --epochs 2 --seeds 2");
  BOOST_TEST(json.at("runs").size() == 4U);
  BOOST_TEST(json.at("studies").at(0).at("findings").size() == 3U);
}

BOOST_AUTO_TEST_CASE(the_batch_size_that_the_rate_belongs_to_need_not_be_among_them) {
  const auto json = study("--batch-sizes 32,128 --epochs 2");
  BOOST_TEST(json.at("runs").size() == 12U);
  for (const auto& run : json.at("runs"))
    if (run.at("factors").at("view") == same_steps) BOOST_TEST(steps_of(run) == 10);
}

BOOST_AUTO_TEST_CASE(doubled_and_unordered_batch_sizes_collapse) {
  const auto json = study("--batch-sizes 64,16,64,16 --epochs 1", "a");
  BOOST_TEST(json.at("runs").size() == 8U);
  BOOST_TEST((without_times(json) == without_times(study("--batch-sizes 16,64 --epochs 1", "b"))));
}

BOOST_AUTO_TEST_CASE(numbers_do_not_depend_on_threads) {
  const std::string arguments = "--batch-sizes 32,64,128 --epochs 2 --seeds 2";
  BOOST_TEST((without_times(study(arguments + " --threads 1", "a")) ==
              without_times(study(arguments + " --threads 2", "b"))));
}

BOOST_AUTO_TEST_CASE(batch_sizes_that_make_no_sense_are_refused) {
  for (const char* sizes : {"1", "0", "-5", "32,1", "large", "2.5"}) {
    const auto finished = keel(fmt::format("batch-study --out results --batch-sizes={}", sizes));
    BOOST_TEST(finished.status == 2, sizes << ": " << finished.err);
    BOOST_TEST(finished.err.starts_with("keel: "), finished.err);
    BOOST_TEST(std::ranges::count(finished.err, '\n') == 1, finished.err);
    BOOST_TEST(!std::filesystem::exists(*this / "results"));
  }
}

BOOST_AUTO_TEST_CASE(a_batch_larger_than_the_training_set_is_the_whole_set) {
  const auto json = study("--batch-sizes 64,1000 --epochs 2");
  for (const auto& run : json.at("runs"))
    if (run.at("batch_size") == 1000) BOOST_TEST(run.at("epochs").at(0).at("steps") == 1);
  check_same_steps(json, 10);
}

BOOST_AUTO_TEST_CASE(it_goes_on_where_it_was_interrupted) {
  const std::string arguments = "batch-study --batch-sizes 16,64 --epochs 8 --seeds 6";
  const auto interrupted = stopped_keel(arguments + " --out results", "results", "INT");
  BOOST_TEST(interrupted.status == 130, interrupted.err);
  BOOST_TEST(interrupted.err.find("--resume") != std::string::npos, interrupted.err);
  BOOST_REQUIRE(keel(arguments + " --out results --resume").status == 0);
  BOOST_REQUIRE(keel(arguments + " --out whole").status == 0);
  BOOST_TEST((without_times(results_in(*this / "results")) == without_times(results_in(*this / "whole"))));
}

BOOST_AUTO_TEST_CASE(agrees_with_pytorch_on_mnist,
                     *boost::unit_test::precondition(
                         [](boost::unit_test::test_unit_id) -> boost::test_tools::assertion_result {
                           return std::getenv("KEEL_MNIST_DIR") != nullptr;
                         })) {
  const auto finished =
      run_keel(fmt::format("batch-study --data '{}' --seeds 3 --batch-sizes 64 --quiet --out results",
                           std::getenv("KEEL_MNIST_DIR")),
               *this / "");
  BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
  const auto json = results_in(*this / "results");
  const auto mean = [&](const char* model) {
    return json.at("summary")
        .at("batch_sizes")
        .at(same_rate)
        .at(model)
        .at("64")
        .at("validation_accuracy")
        .at("mean")
        .get<double>();
  };
  // PyTorch's means over ten seeds on the same work: 0.9623 and 0.9717.
  BOOST_TEST(mean("plain") > 0.957);
  BOOST_TEST(mean("plain") < 0.967);
  BOOST_TEST(mean("bn") > 0.968);
  BOOST_TEST(mean("bn") < 0.975);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
