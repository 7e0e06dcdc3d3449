#include "keel/tools/training/training_loop.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "../../support/study_support.hpp"
#include "keel/models/mlp.hpp"
#include "keel/models/statistics_guard.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/training/network.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

RunSettings settings_of(const std::string& model, int epochs = 3) {
  return {.model = model, .hidden = {16}, .epochs = epochs, .batch_size = 32, .learning_rate = 0.05};
}

struct Trained {
  explicit Trained(const RunSettings& s, const RunContext& context = {.data = tiny_data(), .stop = {}})
      : settings{s}, network{network_for(tiny_data(), settings)}, loop{network, settings, context} {}

  ThreadLimit one_thread{1};
  RunSettings settings;
  Network network;
  TrainingLoop loop;
};

// All numbers of a run but its times.
std::string numbers_of(RunResult run) {
  for (auto& epoch : run.epochs) epoch.seconds = 0.0;
  return to_json(run).dump();
}

RunResult run(const RunSettings& settings) {
  Trained trained{settings};
  trained.loop.train();
  return trained.loop.finish().value();
}

std::size_t trained_on(std::int64_t limit, std::int64_t batch_size) {
  auto settings = settings_of("bn");
  settings.limit = limit;
  settings.batch_size = batch_size;
  return Trained{settings}.loop.split().training.size();
}

BOOST_AUTO_TEST_SUITE(training_loop)

BOOST_AUTO_TEST_CASE(a_run_says_what_it_did) {
  for (const char* model : {"plain", "bn"}) {
    const auto result = run(settings_of(model, 8));
    BOOST_TEST((result.settings == settings_of(model, 8)));
    BOOST_TEST(result.parameters ==
               (std::string{model} == "bn" ? 64 * 16 + 2 * 16 + 16 * 5 + 5 : 64 * 16 + 16 + 16 * 5 + 5));
    BOOST_TEST(!result.diverged);
    BOOST_TEST(result.divergence == "");
    BOOST_REQUIRE(result.epochs.size() == 8U);
    for (std::size_t i = 0; i < result.epochs.size(); ++i) {
      BOOST_TEST(result.epochs[i].epoch == static_cast<int>(i + 1));
      BOOST_TEST(result.epochs[i].steps == 10);  // 320 images
      BOOST_TEST(result.epochs[i].train_loss > 0.0);
      BOOST_TEST(result.epochs[i].validation.loss > 0.0);
    }
    BOOST_TEST(result.epochs.back().train_loss < 0.5 * result.epochs.front().train_loss);
    BOOST_TEST(result.test.value().accuracy > 0.9);
  }
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_run_and_another_one_another) {
  for (const char* model : {"plain", "bn"}) {
    auto settings = settings_of(model);
    const auto first = numbers_of(run(settings));
    BOOST_TEST(first == numbers_of(run(settings)));
    settings.seed = 2;
    BOOST_TEST(first != numbers_of(run(settings)));
  }
}

BOOST_AUTO_TEST_CASE(arms_of_a_seed_share_their_split_and_order) {
  Trained plain{settings_of("plain")};
  Trained bn{settings_of("bn")};
  BOOST_TEST(plain.loop.split().training == bn.loop.split().training, boost::test_tools::per_element());
  BOOST_TEST(plain.loop.split().validation == bn.loop.split().validation, boost::test_tools::per_element());
  BOOST_TEST(plain.loop.split().validation.size() == 80U);
  const auto last_batch = [](Trained& trained) {
    trained.loop.train([](std::int64_t step, double) { return step < 7; });
    const auto labels = trained.loop.batch().labels().data<std::int32_t>();
    return std::vector(labels.begin(), labels.end());
  };
  BOOST_TEST(last_batch(plain) == last_batch(bn), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_last_batch_of_one_is_left_out) {
  BOOST_TEST(trained_on(65, 32) == 64U);
  BOOST_TEST(trained_on(66, 32) == 66U);
  BOOST_TEST(trained_on(64, 32) == 64U);
  BOOST_TEST(trained_on(65, 1) == 65U);
  BOOST_TEST(trained_on(1, 32) == 1U);
  auto settings = settings_of("bn");
  settings.limit = 65;
  Trained trained{settings};
  BOOST_TEST(trained.loop.steps_per_epoch() == 2);
  trained.loop.train();
  const auto result = trained.loop.finish();
  for (const auto& epoch : result->epochs) BOOST_TEST(epoch.steps == 2);
}

BOOST_AUTO_TEST_CASE(a_short_last_batch_is_a_step) {
  auto settings = settings_of("bn");
  settings.limit = 70;
  Trained trained{settings};
  BOOST_TEST(trained.loop.steps_per_epoch() == 3);
  trained.loop.train();
  BOOST_TEST(trained.loop.finish()->epochs.front().steps == 3);
}

BOOST_AUTO_TEST_CASE(the_result_so_far_is_that_of_a_run_that_ends_there) {
  for (const char* model : {"plain", "bn"}) {
    for (const std::int64_t end : {1, 10, 15, 30}) {  // of ten steps an epoch
      std::string so_far;
      Trained whole{settings_of(model)};
      whole.loop.train([&](std::int64_t step, double) {
        if (step == end) so_far = numbers_of(whole.loop.result_so_far());
        return true;
      });
      Trained ended{settings_of(model)};
      ended.loop.train([&](std::int64_t step, double) { return step < end; });
      BOOST_TEST(so_far == numbers_of(ended.loop.finish().value()), model << " after step " << end);
      BOOST_TEST(numbers_of(whole.loop.finish().value()) == numbers_of(run(settings_of(model))));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_look_sees_what_validation_does) {
  Trained trained{settings_of("bn", 1)};
  std::vector<double> losses;
  trained.loop.train([&](std::int64_t, double) {
    const auto look = trained.loop.look();
    BOOST_TEST(look.loss == trained.loop.validate().loss);
    BOOST_TEST(look.accuracy == trained.loop.validate().accuracy);
    BOOST_TEST(look.loss == trained.loop.look().loss);
    losses.push_back(look.loss);
    return true;
  });
  BOOST_TEST(losses.size() == 10U);
  BOOST_TEST(losses.front() != losses.back());
  BOOST_TEST(trained.loop.finish()->epochs.at(0).validation.loss == losses.back());
}

BOOST_AUTO_TEST_CASE(steps_are_counted_over_the_whole_run) {
  Trained trained{settings_of("bn")};
  std::vector<std::int64_t> steps;
  double sum = 0.0;
  trained.loop.train([&](std::int64_t step, double loss) {
    steps.push_back(step);
    if (step <= 10) sum += loss;
    return true;
  });
  BOOST_REQUIRE(steps.size() == 30U);
  for (std::size_t i = 0; i < steps.size(); ++i) BOOST_TEST(steps[i] == static_cast<std::int64_t>(i + 1));
  BOOST_TEST(trained.loop.finish()->epochs.front().train_loss == sum / 10.0,
             boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(the_loss_of_an_epoch_weighs_images_not_batches) {
  auto settings = settings_of("plain", 1);
  settings.limit = 40;  // 32 and 8
  Trained trained{settings};
  double sum = 0.0;
  trained.loop.train([&](std::int64_t step, double loss) {
    sum += (step == 1 ? 32 : 8) * loss;
    return true;
  });
  BOOST_TEST(trained.loop.finish()->epochs[0].train_loss == sum / 40.0, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(enough_ends_the_run_within_its_epoch) {
  Trained trained{settings_of("bn", 100)};
  int heard = 0;
  trained.loop.train([&](std::int64_t step, double) {
    ++heard;
    return step < 13;
  });
  BOOST_TEST(heard == 13);
  const auto result = trained.loop.finish();
  BOOST_REQUIRE(result->epochs.size() == 2U);
  BOOST_TEST(result->epochs[1].steps == 3);
  BOOST_TEST(std::isfinite(result->epochs[1].train_loss));
  BOOST_TEST(result->epochs[1].validation.accuracy > 0.0);
  BOOST_TEST(!result->diverged);
  BOOST_TEST(result->test.has_value());
}

BOOST_AUTO_TEST_CASE(a_loss_that_is_not_finite_ends_the_run_and_says_where) {
  for (const char* model : {"plain", "bn"}) {
    auto settings = settings_of(model, 50);
    settings.learning_rate = 1e30;
    Trained trained{settings};
    std::int64_t heard = 0;
    trained.loop.train([&](std::int64_t step, double loss) {
      BOOST_TEST(std::isfinite(loss));
      heard = step;
      return true;
    });
    BOOST_TEST(trained.loop.diverged());
    const auto result = trained.loop.finish();
    BOOST_REQUIRE(result.has_value());
    BOOST_TEST(result->diverged);
    BOOST_TEST(result->divergence.find("in epoch 1, step " + std::to_string(heard + 1)) != std::string::npos,
               result->divergence);
    BOOST_REQUIRE(result->epochs.size() == 1U);
    BOOST_TEST(result->epochs[0].steps == heard + 1);
    BOOST_TEST(!result->test.has_value());
    BOOST_TEST(result->error == "");
  }
}

BOOST_AUTO_TEST_CASE(a_run_that_ends_no_better_than_guessing_has_learned_nothing_and_not_diverged) {
  auto settings = settings_of("plain", 1);
  settings.learning_rate = 0.0;
  const auto result = run(settings);
  BOOST_TEST(!result.diverged);
  BOOST_TEST(result.not_learned.empty() == (result.epochs[0].train_loss < std::log(5.0)));
  BOOST_TEST(has_learned(result) == result.not_learned.empty());
  settings.learning_rate = 5.0;
  const auto worse = run(settings);
  BOOST_TEST(!has_learned(worse));
  BOOST_TEST(worse.diverged == worse.not_learned.empty());
  settings.learning_rate = 0.1;
  BOOST_TEST(has_learned(run(settings)));
}

BOOST_AUTO_TEST_CASE(training_time_is_the_sum_of_its_epochs_and_leaves_looking_out) {
  Trained trained{settings_of("bn")};
  double looking = 0.0;
  trained.loop.train([&](std::int64_t, double) {
    const double before = trained.loop.training_seconds();
    trained.loop.validate();
    looking += trained.loop.training_seconds() - before;
    return true;
  });
  BOOST_TEST(looking == 0.0);
  const double total = trained.loop.training_seconds();
  double sum = 0.0;
  const auto result = trained.loop.finish();
  for (const auto& epoch : result->epochs) {
    BOOST_TEST(epoch.seconds > 0.0);
    sum += epoch.seconds;
  }
  BOOST_TEST(total == sum, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(looking_changes_nothing) {
  for (const char* model : {"plain", "bn", "ln"}) {
    Trained trained{settings_of(model)};
    trained.loop.train([&](std::int64_t, double) {
      trained.loop.validate();
      trained.loop.evaluate_training();
      trained.loop.test();
      return true;
    });
    BOOST_TEST(numbers_of(trained.loop.finish().value()) == numbers_of(run(settings_of(model))));
  }
}

BOOST_AUTO_TEST_CASE(a_stop_ends_the_run_without_a_result) {
  std::stop_source source;
  std::vector<int> epochs;
  Trained trained{settings_of("bn", 1000),
                  {.data = tiny_data(),
                   .stop = source.get_token(),
                   .after_epoch = [&](const EpochResult& epoch) { epochs.push_back(epoch.epoch); }}};
  trained.loop.train([&](std::int64_t step, double) {
    if (step == 25) source.request_stop();
    return true;
  });
  BOOST_TEST(epochs == (std::vector{1, 2}), boost::test_tools::per_element());
  BOOST_TEST(!trained.loop.finish().has_value());
}

BOOST_AUTO_TEST_CASE(the_result_is_that_of_the_last_epochs_weights) {
  Trained trained{settings_of("bn")};
  trained.loop.train();
  const auto validation = trained.loop.validate();
  const auto test = trained.loop.test();
  const auto result = trained.loop.finish();
  BOOST_TEST(result->epochs.back().validation.loss == validation.loss);
  BOOST_TEST(result->epochs.back().validation.accuracy == validation.accuracy);
  BOOST_TEST(result->test->loss == test.loss);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
