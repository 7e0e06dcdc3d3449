// The programs of tools/examples, as a user runs them.

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "../support/mpirun.hpp"
#include "../support/process.hpp"

namespace {

using namespace keel::test;

Finished run_example(const std::string& command) {
  const TemporaryFolder folder;
  return run_command(std::string{std::getenv("KEEL_EXAMPLES")} + "/" + command, folder.path());
}

// The test accuracy, in percent, that an example on images printed last.
double final_accuracy(const Finished& finished) {
  const std::string key = "test accuracy ";
  const auto place = finished.out.rfind(key);
  BOOST_TEST_REQUIRE(place != std::string::npos, finished.out << finished.err);
  return std::stod(finished.out.substr(place + key.size()));
}

// The number that an example printed behind `key`.
double number_behind(const Finished& finished, const std::string& key) {
  const auto place = finished.out.find(key);
  BOOST_TEST_REQUIRE(place != std::string::npos, finished.out << finished.err);
  return std::stod(finished.out.substr(place + key.size()));
}

const char* mnist_folder() {
  const char* folder = std::getenv("KEEL_MNIST_DIR");
  return folder == nullptr || *folder == '\0' ? nullptr : folder;
}

boost::test_tools::assertion_result has_mnist(boost::unit_test::test_unit_id /*unused*/) {
  boost::test_tools::assertion_result result{mnist_folder() != nullptr};
  result.message() << "KEEL_MNIST_DIR is not set";
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(examples_test)

BOOST_AUTO_TEST_CASE(an_operator_of_one_s_own_is_checked_and_trained) {
  const auto finished = run_example("own_operator");
  BOOST_TEST(finished.status == 0, finished.out << finished.err);
  BOOST_TEST(finished.out.find("input 0 (8, 5): agrees") != std::string::npos, finished.out);
  const std::string key = "step 1000: loss ";
  const auto place = finished.out.find(key);
  BOOST_TEST_REQUIRE(place != std::string::npos, finished.out);
  BOOST_TEST(std::stod(finished.out.substr(place + key.size())) < 0.02, finished.out);  // 1/9 at first
}

BOOST_AUTO_TEST_CASE(ranks_train_one_classifier, *boost::unit_test::precondition(can_start_ranks)) {
  const auto program = std::string{std::getenv("KEEL_EXAMPLES")} + "/ranks";
  const TemporaryFolder folder;
  for (const auto* ranks : {"1", "3"}) {
    const auto finished =
        run_command(std::string{mpirun_environment} + "mpirun -n " + ranks + " " + program, folder.path());
    BOOST_TEST(finished.status == 0, finished.out << finished.err);
    BOOST_TEST(number_behind(finished, "step 500: loss ") < 0.1);
    BOOST_TEST(finished.out.find("step 500") == finished.out.rfind("step 500"));  // said once
  }
}

BOOST_AUTO_TEST_CASE(the_generator_draws_points_near_the_ring) {
  const auto finished = run_example("gan");
  BOOST_TEST(number_behind(finished, "mean radius ") > 0.85);
  BOOST_TEST(number_behind(finished, "mean radius ") < 1.15);
  BOOST_TEST(number_behind(finished, "distance from the ring ") < 0.3);
}

BOOST_AUTO_TEST_CASE(the_penalty_on_the_gradient_makes_it_smaller) {
  const auto finished = run_example("gradient_penalty");
  BOOST_TEST(finished.status == 0, finished.out << finished.err);
  BOOST_TEST(number_behind(finished, "penalty 0.1: loss ") < 0.6);
}

BOOST_AUTO_TEST_CASE(points_that_are_moved_against_the_network_fool_it) {
  const auto finished = run_example("fgsm");
  const auto attacked = finished.out.find("epsilon 0.1");
  BOOST_TEST_REQUIRE(attacked != std::string::npos, finished.out << finished.err);
  const std::string key = "accuracy ";
  const auto accuracy = [&](std::size_t from) {
    return std::stod(finished.out.substr(finished.out.find(key, from) + key.size()));
  };
  BOOST_TEST(accuracy(0) > 95.0, finished.out);
  BOOST_TEST(accuracy(attacked) < accuracy(0) - 5.0, finished.out);
}

BOOST_AUTO_TEST_CASE(attention_finds_the_place_that_it_is_pointed_to) {
  BOOST_TEST(number_behind(run_example("attention"), "step 500: loss ") < 0.05);  // 2.1 at first
}

BOOST_AUTO_TEST_CASE(a_network_that_knows_a_like_task_learns_faster) {
  const auto finished = run_example("fine_tune");
  BOOST_TEST(finished.out.find("4 parameters loaded, 2 of another shape") != std::string::npos, finished.out);
  BOOST_TEST(
      number_behind(finished, "fine-tuned: loss ") < 0.9 * number_behind(finished, "from scratch: loss "),
      finished.out);
}

BOOST_AUTO_TEST_CASE(the_average_of_the_weights_does_better_than_the_last_ones) {
  const auto finished = run_example("averaged");
  BOOST_TEST(number_behind(finished, "their average ") < number_behind(finished, "last weights "),
             finished.out);
}

BOOST_AUTO_TEST_CASE(the_variational_autoencoder_learns_the_waves) {
  const auto finished = run_example("vae");
  BOOST_TEST(number_behind(finished, "step 2000: loss ") < 10, finished.out);  // 400 without a code
}

// Killed as soon as there is a checkpoint, again soon after, and then let go on.
BOOST_AUTO_TEST_CASE(a_killed_training_ends_as_if_it_had_not_been) {
  const TemporaryFolder folder;
  const auto program = std::string{std::getenv("KEEL_EXAMPLES")} + "/resume";
  const auto through = run_command(program + " through", folder.path());
  BOOST_TEST(through.status == 0, through.err);
  BOOST_TEST(through.out.find("step 2000: loss 0.") != std::string::npos, through.out);
  run_command(program + " killed & while [ ! -e killed ] && kill -0 $!; do :; done; kill -KILL $!; wait",
              folder.path());
  for (const auto* seconds : {"0.05", "0.02"})
    run_command("timeout --signal=KILL " + std::string{seconds} + " " + program + " killed", folder.path());
  const auto resumed = run_command(program + " killed", folder.path());
  BOOST_TEST(resumed.status == 0, resumed.err);
  BOOST_TEST(through.out.ends_with(resumed.out), resumed.out);
  BOOST_TEST((read_file(folder.path() / "killed") == read_file(folder.path() / "through")));
}

BOOST_AUTO_TEST_CASE(the_convolutional_network_learns_the_digits) {
  BOOST_TEST(final_accuracy(run_example("cnn digits 1")) > 97.0);
}

BOOST_AUTO_TEST_CASE(the_recurrent_network_learns_the_digits) {
  BOOST_TEST(final_accuracy(run_example("recurrent digits 3")) > 90.0);
}

BOOST_AUTO_TEST_CASE(the_residual_network_learns_the_digits) {
  BOOST_TEST(final_accuracy(run_example("residual digits 2")) > 93.0);
}

BOOST_AUTO_TEST_CASE(the_convolutional_network_passes_99_percent_on_mnist_within_three_epochs,
                     *boost::unit_test::precondition(has_mnist)) {
  BOOST_TEST(final_accuracy(run_example("cnn " + std::string{mnist_folder()} + " 3")) > 99.0);
}

BOOST_AUTO_TEST_CASE(data_that_is_not_there_is_said) {
  const auto finished = run_example("cnn nowhere");
  BOOST_TEST(finished.status != 0);
  BOOST_TEST(finished.err.find("nowhere") != std::string::npos, finished.err);
}

BOOST_AUTO_TEST_SUITE_END()
