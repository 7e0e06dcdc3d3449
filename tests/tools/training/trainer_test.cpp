// Training that can be saved between any two steps.

#include "keel/tools/training/trainer.hpp"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <set>

#include "../../support/study_support.hpp"
#include "../../support/temporary_folder.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/training/checkpoint_folder.hpp"
#include "keel/tools/training/training_loop.hpp"
#include "keel/tools/training/training_run.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;
namespace fs = std::filesystem;

TrainSettings quick_settings(Norm norm = Norm::batch) {
  return {.network = {.height = 8, .width = 8, .hidden = {16}, .classes = 5, .norm = norm, .dropout = 0.1},
          .learning_rate = 0.05,
          .epochs = 3,
          .batch_size = 48};  // of 320 images: the last batch is short
}

void train(Trainer& trainer) {
  while (!trainer.finished()) trainer.step();
}

// All numbers of a training but its times.
std::string numbers_of(Trainer& trainer, const fs::path& folder) {
  std::string text;
  for (const auto& [epoch, rate] : trainer.epochs())
    text += fmt::format("{} {} {} {} {} {}\n", epoch.epoch, epoch.steps, epoch.train_loss,
                        epoch.validation.loss, epoch.validation.accuracy, rate);
  trainer.save_network(folder / "network.safetensors");
  return text + read_file(folder / "network.safetensors");
}

// What a training says that can't go on from a file.
std::string refusal(Trainer& trainer, const fs::path& file) {
  try {
    trainer.load(file);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

struct TrainerFolder {
  [[nodiscard]] fs::path file(const std::string& name) const {
    return folder.path() / (name + ".safetensors");
  }
  TemporaryFolder folder;
  ThreadLimit one_thread{1};
};

BOOST_FIXTURE_TEST_SUITE(trainer, TrainerFolder)

// The runs of keel compare and those of keel train are the same ones.
BOOST_AUTO_TEST_CASE(the_same_settings_give_the_numbers_of_compare) {
  for (const bool bn : {false, true}) {
    const RunSettings run{.model = bn ? "bn" : "plain",
                          .hidden = {16},
                          .epochs = 3,
                          .batch_size = 48,
                          .learning_rate = 0.05,
                          .momentum = 0.8,
                          .seed = 7};
    const auto expected = tools::train(run, {.data = tiny_data(), .stop = {}}).value();
    auto settings = quick_settings(bn ? Norm::batch : Norm::none);
    settings.network.dropout = 0.0;
    settings.momentum = run.momentum, settings.seed = run.seed;
    Trainer trainer{settings, tiny_data()};
    test::train(trainer);
    BOOST_REQUIRE(trainer.epochs().size() == expected.epochs.size());
    for (std::size_t i = 0; i < expected.epochs.size(); ++i) {
      const auto& [epoch, rate] = trainer.epochs()[i];
      BOOST_TEST(epoch.steps == expected.epochs[i].steps);
      BOOST_TEST(epoch.train_loss == expected.epochs[i].train_loss);
      BOOST_TEST(epoch.validation.loss == expected.epochs[i].validation.loss);
      BOOST_TEST(epoch.validation.accuracy == expected.epochs[i].validation.accuracy);
      BOOST_TEST(rate == 0.05);
    }
    BOOST_TEST(trainer.test().loss == expected.test->loss);
    BOOST_TEST(trainer.parameters() == expected.parameters);
  }
}

BOOST_AUTO_TEST_CASE(it_goes_on_bit_for_bit_from_any_step) {
  std::vector<TrainSettings> all(5, quick_settings());
  all[1].optimizer = "adam", all[1].learning_rate = 0.01, all[1].weight_decay = 0.1;
  all[2].optimizer = "adamw", all[2].schedule = "cosine", all[2].warm_up = 5, all[2].learning_rate = 0.01;
  all[3].schedule = "step", all[3].clip = 0.5, all[3].network.norm = Norm::layer;
  all[4].network.channels = {4}, all[4].network.activation = Activation::gelu,
  all[4].network.norm = Norm::group;
  for (const auto& settings : all) {
    Trainer whole{settings, tiny_data()};
    test::train(whole);
    const auto expected = numbers_of(whole, folder.path());
    BOOST_TEST(whole.steps_per_epoch() == 7);
    for (const int stop : {0, 1, 6, 7, 8, 20, 21}) {
      Trainer first{settings, tiny_data()};
      for (int i = 0; i < stop; ++i) first.step();
      first.save(file("checkpoint"));
      Trainer second{settings, tiny_data()};
      for (int i = 0; i < 3; ++i) second.step();  // which are as if they had not been
      second.load(file("checkpoint"));
      BOOST_TEST(second.steps() == stop);
      test::train(second);
      BOOST_TEST((numbers_of(second, folder.path()) == expected),
                 settings.optimizer << " stopped at " << stop);
    }
  }
}

BOOST_AUTO_TEST_CASE(settings_change_the_numbers) {
  const auto numbers = [&](const TrainSettings& settings) {
    Trainer trainer{settings, tiny_data()};
    test::train(trainer);
    return numbers_of(trainer, folder.path());
  };
  const auto change = [&](auto&& what) {
    auto settings = quick_settings();
    what(settings);
    return numbers(settings);
  };
  const std::set<std::string> different{
      change([](TrainSettings&) {}),
      change([](TrainSettings& s) { s.seed = 2; }),
      change([](TrainSettings& s) { s.momentum = 0.5; }),
      change([](TrainSettings& s) { s.weight_decay = 0.1; }),
      change([](TrainSettings& s) { s.clip = 0.1; }),
      change([](TrainSettings& s) { s.schedule = "step"; }),
      change([](TrainSettings& s) { s.schedule = "cosine"; }),
      change([](TrainSettings& s) { s.warm_up = 3; }),
      change([](TrainSettings& s) { s.limit = 100; }),
      change([](TrainSettings& s) { s.network.dropout = 0.2; }),
      change([](TrainSettings& s) { s.network.activation = Activation::tanh; }),
      change([](TrainSettings& s) { s.optimizer = "adam"; }),
      change([](TrainSettings& s) { s.optimizer = "adam", s.weight_decay = 0.1; }),
      change([](TrainSettings& s) { s.optimizer = "adamw", s.weight_decay = 0.1; })};
  BOOST_TEST(different.size() == 14U);
  BOOST_TEST((numbers(quick_settings()) == numbers(quick_settings())));
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_the_numbers) {
  std::set<std::string> numbers;
  for (const int threads : {1, 2, 3}) {
    const ThreadLimit limit{threads};
    auto settings = quick_settings();
    settings.network.channels = {4};
    Trainer trainer{settings, tiny_data()};
    test::train(trainer);
    numbers.insert(numbers_of(trainer, folder.path()));
  }
  BOOST_TEST(numbers.size() == 1U);
}

BOOST_AUTO_TEST_CASE(rates_follow_the_schedule) {
  auto settings = quick_settings();
  settings.learning_rate = 1.0;
  const auto rates = [&](const std::string& schedule, std::int64_t warm_up) {
    settings.schedule = schedule, settings.warm_up = warm_up;
    const auto rate = schedule_of(settings, 12);
    std::vector<double> result;
    for (int step = 0; step < 12; ++step) result.push_back(rate(step));
    return result;
  };
  for (const double rate : rates("constant", 0)) BOOST_TEST(rate == 1.0);
  const auto step = rates("step", 3);
  BOOST_TEST(step[0] == 1.0 / 3.0, boost::test_tools::tolerance(1e-12));
  for (const int i : {3, 4, 5}) BOOST_TEST(step[i] == 1.0);
  for (const int i : {6, 7, 8}) BOOST_TEST(step[i] == 0.1, boost::test_tools::tolerance(1e-12));
  for (const int i : {9, 10, 11}) BOOST_TEST(step[i] == 0.01, boost::test_tools::tolerance(1e-12));
  const auto cosine = rates("cosine", 0);
  BOOST_TEST(cosine[0] == 1.0);
  BOOST_TEST(cosine[6] == 0.5, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(cosine[11] < 0.02);
}

BOOST_AUTO_TEST_CASE(it_ends_when_no_better_epoch_comes) {
  auto settings = quick_settings();
  settings.epochs = 50, settings.patience = 2, settings.learning_rate = 0.5;
  Trainer trainer{settings, tiny_data()};
  test::train(trainer);
  const auto& epochs = trainer.epochs();
  BOOST_TEST(trainer.out_of_patience());
  BOOST_REQUIRE(epochs.size() < 50U);
  BOOST_TEST(std::ssize(epochs) == trainer.best_epoch() + 2);
  const auto lowest = std::ranges::min_element(
      epochs, {}, [](const TrainedEpoch& epoch) { return epoch.result.validation.loss; });
  BOOST_TEST(lowest->result.epoch == trainer.best_epoch());
  trainer.save(file("checkpoint"));
  Trainer again{settings, tiny_data()};
  again.load(file("checkpoint"));
  BOOST_TEST(again.finished());
}

BOOST_AUTO_TEST_CASE(a_loss_that_is_not_finite_ends_it) {
  auto settings = quick_settings(Norm::none);
  settings.learning_rate = 1e6;
  Trainer trainer{settings, tiny_data()};
  test::train(trainer);
  BOOST_TEST(trainer.divergence().find("epoch") != std::string::npos, trainer.divergence());
  BOOST_TEST(trainer.steps() < trainer.steps_in_all());
}

BOOST_AUTO_TEST_CASE(checkpoints_of_something_else_are_refused_with_the_difference) {
  auto settings = quick_settings();
  Trainer trainer{settings, tiny_data()};
  trainer.step();
  trainer.save(file("checkpoint"));
  trainer.save_network(file("network"));
  const auto check = [&](Trainer& other, const std::string& name, const std::vector<std::string>& parts) {
    const auto text = refusal(other, file(name));
    for (const auto& part : parts) BOOST_TEST(text.find(part) != std::string::npos, text);
    BOOST_TEST(text.find(file(name).string()) != std::string::npos, text);
    BOOST_TEST(text.find('\n') == std::string::npos, text);
  };
  settings.learning_rate = 0.07;
  Trainer other_rate{settings, tiny_data()};
  check(other_rate, "checkpoint", {"learning-rate 0.05 where 0.07 is asked for"});
  settings = quick_settings(Norm::layer);
  Trainer other_network{settings, tiny_data()};
  check(other_network, "checkpoint", {"norm=batch", "norm=layer"});
  auto data = tiny_data();
  data.digest = "another";
  Trainer other_data{quick_settings(), data};
  check(other_data, "checkpoint", {"of a training on other data than 'tiny' has now"});
  check(trainer, "network", {"no checkpoint of keel train"});
  check(trainer, "missing", {"No such file"});
}

// Every byte of a file is covered by its checksum or its structure.
BOOST_AUTO_TEST_CASE(a_damaged_checkpoint_is_never_taken) {
  Trainer trainer{quick_settings(), tiny_data()};
  trainer.step();
  trainer.save(file("checkpoint"));
  const auto whole = read_file(file("checkpoint"));
  Rng random{1};
  const auto write = [&](const std::string& content) {
    std::ofstream{file("damaged"), std::ios::binary} << content;
  };
  for (int i = 0; i < 300; ++i) {
    auto content = whole;
    const auto place = i < 100 ? static_cast<std::size_t>(i) : random.below(whole.size());
    content[place] = static_cast<char>(content[place] ^ (1 << random.below(8)));
    write(content);
    BOOST_TEST(refusal(trainer, file("damaged")) != "", "a bit of byte " << place << " was flipped");
  }
  for (int i = 0; i < 40; ++i) {
    const auto length = random.below(whole.size());
    write(whole.substr(0, length));
    BOOST_TEST(refusal(trainer, file("damaged")) != "", "cut to " << length << " bytes");
  }
  write(whole);
  BOOST_TEST(refusal(trainer, file("damaged")) == "");
}

BOOST_AUTO_TEST_CASE(the_last_ones_are_kept_and_the_newest_good_one_is_used) {
  const CheckpointFolder checkpoints{folder.path() / "checkpoints", 3};
  Trainer trainer{quick_settings(), tiny_data()};
  BOOST_TEST(!checkpoints.restore(trainer).file);
  for (int i = 0; i < 6; ++i) {
    checkpoints.save(trainer);
    trainer.step();
  }
  const auto of_step = [&](int step) {
    return folder.path() / "checkpoints" / fmt::format("step-{:012}.safetensors", step);
  };
  for (int i = 0; i < 6; ++i) BOOST_TEST(fs::exists(of_step(i)) == (i >= 3), i);
  fs::resize_file(of_step(5), 1000);
  std::ofstream{of_step(4), std::ios::binary} << "nonsense";
  std::ofstream{folder.path() / "checkpoints" / "step-9.safetensors"} << "another's";
  const auto restored = checkpoints.restore(trainer);
  BOOST_TEST(restored.file.value() == of_step(3));
  BOOST_TEST(restored.refused.size() == 2U);
  BOOST_TEST(restored.refused.at(0).find(of_step(5).string()) != std::string::npos);
  BOOST_TEST(trainer.steps() == 3);
  // They are not counted among the last ones.
  trainer.step();
  checkpoints.save(trainer);
  BOOST_TEST(fs::exists(of_step(3)));
  for (int i = 3; i < 6; ++i) fs::resize_file(of_step(i), 10);
  BOOST_CHECK_THROW((void)checkpoints.restore(trainer), DataError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
