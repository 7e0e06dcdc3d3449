// A training that is killed, at twenty moments, by the one signal that nobody can do anything about.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <thread>

#include "../../support/trained_folder.hpp"
#include "keel/runtime/rng.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct KilledTraining : TrainedFolder {
  // 7 steps an epoch, the last batch a short one, and checkpoints at others.
  const std::vector<std::string> options{
      "train",   "--data",  "tiny",  "--model",    "bn",     "--dropout",    "0.2", "--optimizer",
      "adam",    "--norm",  "batch", "--epochs",   "400",    "--batch-size", "48",  "--checkpoint-every",
      "11steps", "--keep",  "2",     "--schedule", "cosine", "--warm-up",    "20",  "--threads",
      "1",       "--quiet", "--out", "killed"};
  static constexpr std::int64_t steps = 400 * 7;

  // Its process, in this folder.
  [[nodiscard]] pid_t start() const {
    auto arguments = options;
    arguments.insert(arguments.begin(), std::getenv("KEEL_PROGRAM"));
    arguments.emplace_back(fs::exists(*this / "killed/command.json") ? "--resume" : "--force");
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions{};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, (*this / "").c_str());
    for (const int descriptor : {STDOUT_FILENO, STDERR_FILENO})
      posix_spawn_file_actions_addopen(&actions, descriptor, "log", O_WRONLY | O_CREAT | O_APPEND, 0644);
    pid_t child = 0;
    BOOST_REQUIRE(::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    return child;
  }

  // The step of the newest checkpoint; 0 before the first.
  [[nodiscard]] std::int64_t newest_step() const {
    std::int64_t newest = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator{*this / "killed/checkpoints", error}) {
      const auto name = entry.path().filename().string();
      std::int64_t step = 0;
      if (!name.starts_with("step-")) continue;
      std::from_chars(name.data() + 5, name.data() + name.size(), step);
      newest = std::max(newest, step);
    }
    return newest;
  }
};

BOOST_FIXTURE_TEST_SUITE(train_kill, KilledTraining)

BOOST_AUTO_TEST_CASE(twenty_kills_change_no_bit) {
  constexpr int kills = 20;
  Rng random{20261128};
  int killed = 0;
  for (int i = 0; i < kills; ++i) {
    const auto child = start();
    // Spread over the whole training; the first while it starts.
    const auto far_enough = steps * i / (kills + 1);
    int status = 0;
    while (newest_step() < far_enough && ::waitpid(child, &status, WNOHANG) == 0)
      std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(std::chrono::microseconds{random.below(30'000)});
    ::kill(child, SIGKILL);
    if (::waitpid(child, &status, 0) == child && WIFSIGNALED(status)) ++killed;
  }
  BOOST_TEST_MESSAGE(killed << " of " << kills << " kills found it at work");
  BOOST_TEST(killed > 5);
  int status = 0;
  BOOST_REQUIRE(::waitpid(start(), &status, 0) > 0);
  BOOST_REQUIRE_MESSAGE(status == 0, content("log"));

  auto line = std::string{"whole"};
  std::string arguments;
  for (const auto& option : options) arguments += (option == "killed" ? line : option) + " ";
  const auto whole = run(arguments);
  BOOST_REQUIRE_MESSAGE(whole.status == 0, whole.err);
  for (const char* name : {"model.safetensors", "best.safetensors"})
    BOOST_TEST((read_file(*this / "killed" / name) == read_file(*this / "whole" / name)), name);
  const auto metrics = metrics_without_times(content("killed/metrics.jsonl"));
  BOOST_TEST(metrics.size() == 400U);
  BOOST_TEST((metrics == metrics_without_times(content("whole/metrics.jsonl"))));
  BOOST_TEST((without_times(results_in(*this / "killed")) == without_times(results_in(*this / "whole"))));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
