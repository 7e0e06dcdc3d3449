// keel train over ranks, by Open MPI's mpirun, as many as two processors let take turns.

#include <fmt/format.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "../../support/mpirun.hpp"
#include "../../support/process.hpp"
#include "../../support/study_support.hpp"
#include "keel/tools/system/json.hpp"

namespace {

using namespace keel;
using test::Finished;
using test::read_file;
using test::run_command;
using test::StudyFolder;
using tools::Json;

// 320 images in batches of 30, of which the last has 20.
const std::string small = "train --data tiny --batch-size 30 --epochs 3 --quiet --threads 1";

std::string program() {
  return std::getenv("KEEL_PROGRAM");
}

std::string mpirun(int ranks) {
  return fmt::format("{}mpirun -n {}", test::mpirun_environment, ranks);
}

std::string on_ranks(int ranks, const std::string& arguments) {
  return fmt::format("{} '{}' {}", mpirun(ranks), program(), arguments);
}

// The sentences of keel's own among what mpirun says.
std::vector<std::string> sentences(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const auto end = std::min(text.find('\n', begin), text.size());
    if (text.substr(begin, end - begin).starts_with("keel: "))
      lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

void expect_sentence(const Finished& finished, const std::vector<std::string>& parts) {
  BOOST_TEST(finished.status != 0);
  const auto said = sentences(finished.err);
  BOOST_REQUIRE_MESSAGE(said.size() == 1, finished.err);
  for (const auto& part : parts) BOOST_TEST(said[0].find(part) != std::string::npos, said[0]);
}

double last_validation_loss(const std::filesystem::path& folder) {
  const auto text = read_file(folder / "metrics.jsonl");
  const auto end = text.find_last_not_of('\n');
  const auto begin = text.rfind('\n', end);
  return Json::parse(text.substr(begin + 1, end - begin)).at("validation_loss").get<double>();
}

// Sends a signal to one rank of what runs with `name` in its command line, once its first checkpoint is there.
std::string signalling(const std::string& name, int rank, const std::string& signal) {
  return fmt::format(
      "for i in $(seq 600); do ls {0}/checkpoints/*.safetensors >/dev/null 2>&1 && break; sleep 0.05; done; "
      "for p in $(pgrep -f -- '--out {0}$'); do "
      "if tr '\\0' '\\n' </proc/$p/environ | grep -qx OMPI_COMM_WORLD_RANK={1}; then kill -{2} $p; fi; done",
      name, rank, signal);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(train_ranks, *boost::unit_test::precondition(test::can_start_ranks))

BOOST_AUTO_TEST_CASE(ranks_train_what_one_process_does, *boost::unit_test::timeout(300)) {
  const StudyFolder folder;
  for (const std::string network : {"--model plain", "--model plain --norm sync-batch"}) {
    double alone = 0.0;
    for (const int ranks : {1, 2, 3, 4}) {
      const auto out = fmt::format("{}-{}", network.size(), ranks);
      const auto run =
          run_command(on_ranks(ranks, fmt::format("{} {} --out {}", small, network, out)), folder / "");
      BOOST_REQUIRE_MESSAGE(run.status == 0, run.err);
      BOOST_TEST(run.err.empty(), run.err);
      BOOST_TEST(run.out.find("320 training") == run.out.rfind("320 training"));  // said once
      const double loss = last_validation_loss(folder / out);
      if (ranks == 1)
        alone = loss;
      else
        BOOST_TEST(std::abs(loss - alone) < 1e-4 * alone, network << ": " << loss << " and " << alone);
      const auto results = Json::parse(read_file(folder / (out + "/results.json")));
      BOOST_TEST(results.value("ranks", 1) == ranks);
    }
  }
}

BOOST_AUTO_TEST_CASE(shards_give_the_same_bits, *boost::unit_test::timeout(300)) {
  const StudyFolder folder;
  std::string bits;
  for (const int ranks : {1, 2, 4}) {
    const auto run = run_command(
        on_ranks(ranks,
                 fmt::format("{} --model bn --dropout 0.2 --optimizer adam --clip 1 --shards 4 --out {}",
                             small, ranks)),
        folder / "");
    BOOST_REQUIRE_MESSAGE(run.status == 0, run.err);
    const auto network = read_file(folder / fmt::format("{}/model.safetensors", ranks));
    BOOST_TEST(!network.empty());
    if (ranks == 1) bits = network;
    BOOST_TEST((network == bits), ranks << " ranks");
  }
}

BOOST_AUTO_TEST_CASE(a_killed_rank_ends_all_and_other_ranks_go_on, *boost::unit_test::timeout(300)) {
  const StudyFolder folder;
  const auto arguments = [](const std::string& out) {
    auto text = small + " --model bn --shards 4 --checkpoint-every 7steps --out " + out;
    return text.replace(text.find("--epochs 3"), 10, "--epochs 40");
  };
  BOOST_REQUIRE(run_command(fmt::format("'{}' {}", program(), arguments("whole")), folder / "").status == 0);
  const auto whole = read_file(folder / "whole/model.safetensors");
  for (const int rank : {0, 1}) {
    const auto out = fmt::format("killed-{}", rank);
    const auto killed = run_command(
        fmt::format("{} & {}; wait %1", on_ranks(2, arguments(out)), signalling(out, rank, "KILL")),
        folder / "");
    BOOST_TEST(killed.status != 0);
    BOOST_TEST(!std::filesystem::exists(folder / (out + "/model.safetensors")));
    auto resumed = arguments(out);
    resumed.replace(resumed.find("train"), 5, "train --resume");
    const auto run = run_command(on_ranks(4, resumed), folder / "");
    BOOST_REQUIRE_MESSAGE(run.status == 0, run.err);
    BOOST_TEST((read_file(folder / (out + "/model.safetensors")) == whole));
  }
}

BOOST_AUTO_TEST_CASE(a_signal_to_one_rank_is_the_status_of_all_and_how_to_go_on_is_said,
                     *boost::unit_test::timeout(300)) {
  const StudyFolder folder;
  auto arguments = small + " --checkpoint-every 7steps --out o";
  arguments.replace(arguments.find("--epochs 3"), 10, "--epochs 3000");
  const auto each = fmt::format("'{}' {}; echo \\$? >status-\\$OMPI_COMM_WORLD_RANK", program(), arguments);
  const auto run = run_command(
      fmt::format("{} sh -c \"{}\" & {}; wait %1", mpirun(2), each, signalling("o", 1, "TERM")), folder / "");
  BOOST_TEST(sentences(run.err).size() == 1U, run.err);
  for (const auto* part : {"keel: interrupted after", "this goes on:\n  mpirun -n 2 "})
    BOOST_TEST(run.err.find(part) != std::string::npos, run.err);
  for (const int rank : {0, 1}) BOOST_TEST(read_file(folder / fmt::format("status-{}", rank)) == "143\n");
}

BOOST_AUTO_TEST_CASE(a_stopped_rank_is_named, *boost::unit_test::timeout(300)) {
  const StudyFolder folder;
  for (const int rank : {0, 2}) {
    const auto out = fmt::format("stopped-{}", rank);
    auto arguments = small + " --model bn --checkpoint-every 7steps --out " + out;
    arguments.replace(arguments.find("--epochs 3"), 10, "--epochs 3000");
    const auto run = run_command(fmt::format("export KEEL_RANK_TIMEOUT=2; {} & {}; wait %1",
                                             on_ranks(3, arguments), signalling(out, rank, "STOP")),
                                 folder / "");
    expect_sentence(run, {fmt::format("rank {} shows no sign of life (timeout: 2 s)", rank), "at operation"});
  }
}

BOOST_AUTO_TEST_CASE(ranks_that_were_started_otherwise_are_told, *boost::unit_test::timeout(300)) {
  const StudyFolder folder;
  const auto both = [&](const std::string& first, const std::string& second) {
    return run_command(fmt::format("{0} '{1}' {2} : -n 1 '{1}' {3}", mpirun(1), program(), first, second),
                       folder / "");
  };
  expect_sentence(both(small + " --out a", small + " --out a --seed 2"),
                  {"by different commands", "--seed 2"});
  auto without_data = small + " --out a";
  without_data.replace(without_data.find("tiny"), 4, "nowhere");
  expect_sentence(both(without_data, without_data), {"'nowhere' does not exist"});
}

BOOST_AUTO_TEST_CASE(what_ranks_cannot_do_is_said_once, *boost::unit_test::timeout(300)) {
  const StudyFolder folder;
  const std::string base = "train --data tiny --quiet --out c ";
  expect_sentence(run_command(on_ranks(2, base + "--model bn --batch-size 3"), folder / ""),
                  {"less than two for each of 2 ranks"});
  expect_sentence(run_command(on_ranks(3, base + "--shards 4"), folder / ""),
                  {"--shards must be a power of two"});
  expect_sentence(run_command(on_ranks(2, base + "--shards 4 --norm sync-batch"), folder / ""),
                  {"leave one of both out"});
  run_command("mkdir full && touch full/file", folder / "");
  expect_sentence(run_command(on_ranks(2, "train --data tiny --quiet --out full"), folder / ""), {"full"});
  expect_sentence(
      run_command("OMPI_COMM_WORLD_SIZE=2 KEEL_MPI_MODULE=/nowhere.so '" + program() + "' " + base,
                  folder / ""),
      {"module for MPI can't be loaded"});
}

BOOST_AUTO_TEST_CASE(a_training_that_diverges_ends_all, *boost::unit_test::timeout(300)) {
  const StudyFolder folder;
  const auto run =
      run_command(on_ranks(2, small + " --model plain --learning-rate 1e5 --out d"), folder / "");
  expect_sentence(run, {"the training diverged"});
}

BOOST_AUTO_TEST_SUITE_END()
