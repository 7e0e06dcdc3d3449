// `keel train` as its users meet it: its files, its refusals, its interrupts.

#include <fstream>
#include <regex>

#include "../../support/trained_folder.hpp"
#include "keel/models/checkpoint.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using tools::Json;

constexpr auto quick = "--epochs 3 --batch-size 32 --quiet";

struct TrainCommand : TrainedFolder {
  [[nodiscard]] std::vector<std::string> checkpoints(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator{*this / folder / "checkpoints"})
      names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
  }

  // All that two trainings must have in common, bit for bit.
  void check_same(const std::string& a, const std::string& b) const {
    for (const char* name : {"/model.safetensors", "/best.safetensors"})
      BOOST_TEST((content(a + name) == content(b + name)), a << " and " << b << name);
    BOOST_TEST((metrics_without_times(content(a + "/metrics.jsonl")) ==
                metrics_without_times(content(b + "/metrics.jsonl"))));
    BOOST_TEST((without_times(results_in(*this / a)) == without_times(results_in(*this / b))));
  }
};

BOOST_FIXTURE_TEST_SUITE(train_command, TrainCommand)

BOOST_AUTO_TEST_CASE(the_folder_has_what_the_contract_says) {
  const auto finished = train("--model bn --epochs 4 --batch-size 32 --schedule step --out results");
  BOOST_TEST(finished.out.find("test ") != std::string::npos, finished.out);
  for (const char* name : {"model.safetensors", "best.safetensors", "metrics.jsonl", "results.json"})
    BOOST_TEST(finished.out.find(std::string{"results/"} + name) != std::string::npos, finished.out);
  BOOST_TEST(std::ranges::count(finished.err, '\n') == 4, finished.err);
  BOOST_TEST(finished.err.starts_with("epoch 1/4: train loss "), finished.err);
  BOOST_TEST(finished.err.find('\r') == std::string::npos);
  BOOST_TEST(checkpoints("results") ==
                 (std::vector<std::string>{"step-000000000020.safetensors", "step-000000000030.safetensors",
                                           "step-000000000040.safetensors"}),
             boost::test_tools::per_element());
  const auto metrics = metrics_in(content("results/metrics.jsonl"));
  BOOST_REQUIRE(metrics.size() == 4U);
  const auto results = results_in(*this / "results");
  const auto& run = results.at("runs").at(0);
  for (std::size_t i = 0; i < 4; ++i) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : metrics[i].items()) keys.push_back(key);
    BOOST_TEST(keys == (std::vector<std::string>{"epoch", "steps", "train_loss", "validation_loss",
                                                 "validation_accuracy", "learning_rate", "seconds"}),
               boost::test_tools::per_element());
    BOOST_TEST(metrics[i].at("epoch") == static_cast<int>(i + 1));
    BOOST_TEST(metrics[i].at("steps") == 10);
    for (const char* key : {"train_loss", "validation_loss", "validation_accuracy"})
      BOOST_TEST(metrics[i].at(key) == run.at("epochs").at(i).at(key));
  }
  BOOST_TEST(metrics[0].at("learning_rate") == 0.01);
  BOOST_TEST(metrics[3].at("learning_rate").get<double>() < 0.00011);
  BOOST_TEST(results.at("schema") == 1);
  BOOST_TEST(results.at("command").at(1) == "train");
  BOOST_TEST(run.at("model") == "bn");
  BOOST_TEST(run.at("parameters") == 64 * 128 + 2 * 128 + 128 * 5 + 5);
  BOOST_TEST(run.at("diverged") == false);
  BOOST_TEST(run.at("test_accuracy").get<double>() > 0.5);
  BOOST_TEST(run.at("factors").at("optimizer") == "sgd");
  const auto best = results.at("summary").at("best").at("epoch").get<std::size_t>();
  for (const auto& epoch : metrics)
    BOOST_TEST(epoch.at("validation_loss").get<double>() >=
               metrics[best - 1].at("validation_loss").get<double>());
}

BOOST_AUTO_TEST_CASE(on_a_terminal_there_is_a_bar_with_rate_and_time_left) {
  if (run_command("command -v script", *this / "").status != 0) {
    BOOST_TEST_MESSAGE("there is no 'script' here");
    return;
  }
  const auto on_terminal = [&](const std::string& more) {
    return run_command(
               fmt::format(
                   "script -qec \"'{}' train --data tiny --threads 1 --epochs 200 --out results --force {}\" "
                   "/dev/null </dev/null",
                   std::getenv("KEEL_PROGRAM"), more),
               *this / "")
        .out;
  };
  const auto shown = on_terminal("");
  BOOST_TEST(shown.find("\r[") != std::string::npos, shown);
  for (const char* part : {"] epoch ", "/200, ", " steps/s, ", " s left"})
    BOOST_TEST(shown.find(part) != std::string::npos, shown);
  BOOST_TEST(shown.find("train loss") == std::string::npos, shown);
  BOOST_TEST(on_terminal("--quiet").find("steps/s") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(it_is_the_run_that_compare_makes) {
  BOOST_REQUIRE(
      run("compare --data tiny --epochs 2 --batch-size 32 --seed 4 --quiet --out compared").status == 0);
  const auto compared = without_times(results_in(*this / "compared"));
  for (const auto& expected : compared.at("runs")) {
    const auto model = expected.at("model").get<std::string>();
    train(fmt::format("--model {0} --epochs 2 --batch-size 32 --seed 4 --quiet --out {0}", model));
    const auto trained = without_times(results_in(*this / model)).at("runs").at(0);
    for (const char* key :
         {"epochs", "test_loss", "test_accuracy", "parameters", "learning_rate", "momentum"})
      BOOST_TEST(trained.at(key) == expected.at(key), model << " " << key);
  }
}

BOOST_AUTO_TEST_CASE(every_network_and_optimizer_trains) {
  for (const char* options :
       {"--model cnn", "--model cnn --norm layer --activation gelu", "--model mlp:64-20-12-5 --norm group",
        "--model mlp:64-5", "--model plain --norm layer --activation sigmoid --dropout 0.2",
        "--optimizer adam --schedule cosine --warm-up 5 --clip 1", "--optimizer adamw --weight-decay 0.1"}) {
    train(fmt::format("{} {} --out results --force", options, quick));
    BOOST_TEST(results_in(*this / "results").at("runs").at(0).at("test_accuracy").get<double>() > 0.25,
               options);
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_together_is_said_before_anything_is_made) {
  for (const auto& [options, part] : std::vector<std::pair<std::string, std::string>>{
           {"--model mlp:63-5", "8 x 8 = 64 pixels in 5 classes"},
           {"--model mlp:64-6", "the last 5"},
           {"--model mlp:64", "does not fit"},
           {"--model mlp:64--5", "can't be read"},
           {"--model mlp:64-0-5", "can't be read"},
           {"--model mlp:", "can't be read"},
           {"--model rnn",
            "--model takes plain, bn, cnn or the sizes of all layers, such as mlp:784-256-10, not 'rnn'"},
           {"--model mlp:64-90000000-5 --optimizer adam", "more than"},
           {"--model bn --norm none", "--model plain --norm none"},
           {"--model mlp:64-5 --norm batch", "has none"},
           {"--model mlp:64-5 --dropout 0.1", "has none"},
           {"--model mlp:64-1-5 --norm layer", "more than one unit"},
           {"--norm instance", "--norm"},
           {"--activation swish", "--activation"},
           {"--optimizer lion", "--optimizer"},
           {"--optimizer adam --momentum 0.9", "--momentum is SGD's"},
           {"--schedule linear", "--schedule"},
           {"--dropout 1", "--dropout"},
           {"--dropout nan", "--dropout"},
           {"--weight-decay -1", "--weight-decay"},
           {"--clip 0", "--clip"},
           {"--warm-up 35 --batch-size 64 --epochs 7", "which has 35 steps in 7 epochs"},
           {"--patience -1", "--patience"},
           {"--checkpoint-every 0", "--checkpoint-every"},
           {"--checkpoint-every 5minutes", "--checkpoint-every"},
           {"--checkpoint-every s", "--checkpoint-every"},
           {"--checkpoint-every nans", "--checkpoint-every"},
           {"--keep 0", "--keep"},
           {"--seeds 3", "--seeds"},
           {"--model bn --batch-size 1", "batches of one image"},
           {"--model bn --limit 65", "a last batch of one image"},
           {"--model cnn --limit 129 --batch-size 128", "a last batch of one image"},
           {"--resume", "nothing to resume"}}) {
    check_fails(fmt::format("train --data tiny {} --out results", options), 2, {part});
    BOOST_TEST(!fs::exists(*this / "results"), options);
  }
  check_fails("train --data nowhere --out results", 3, {"nowhere"});
  train("--limit 65 --epochs 1 --out results --quiet");  // without batch norm one image is a batch
}

BOOST_AUTO_TEST_CASE(best_is_the_network_of_the_lowest_validation_loss) {
  train("--model plain --epochs 40 --patience 3 --learning-rate 1 --quiet --out results");
  const auto results = results_in(*this / "results");
  const auto& epochs = results.at("runs").at(0).at("epochs");
  BOOST_REQUIRE(epochs.size() < 40U);
  const auto best = results.at("summary").at("best").at("epoch").get<std::size_t>();
  BOOST_TEST(epochs.size() == best + 3);
  train(fmt::format("--model plain --epochs {} --learning-rate 1 --quiet --out short", best));
  BOOST_TEST((content("short/model.safetensors") == content("results/best.safetensors")));
}

BOOST_AUTO_TEST_CASE(a_diverged_training_fails_with_the_best_network_kept) {
  const auto finished = run(
      "train --data tiny --model plain --weight-decay 300 --momentum 0 --epochs 200 --out results --quiet");
  BOOST_TEST(finished.status == 1, finished.err);
  BOOST_TEST(finished.err.find("keel: the training diverged: the loss was") != std::string::npos,
             finished.err);
  BOOST_TEST(finished.err.find("results/best.safetensors") != std::string::npos, finished.err);
  BOOST_TEST(finished.err.find("--learning-rate") != std::string::npos, finished.err);
  BOOST_TEST(std::ranges::count(finished.err, '\n') == 1);
  BOOST_TEST(fs::exists(*this / "results/best.safetensors"));
  BOOST_TEST(!fs::exists(*this / "results/model.safetensors"));
  BOOST_TEST(results_in(*this / "results").at("runs").at(0).at("diverged") == true);
  BOOST_TEST(run("evaluate results/best.safetensors --data tiny").status == 0);
}

BOOST_AUTO_TEST_CASE(an_interrupted_training_goes_on_by_the_command_that_it_prints) {
  const std::string options = "--model bn --dropout 0.1 --epochs 400 --batch-size 32 --quiet";
  train(options + " --out whole");
  for (const auto& [signal, status] :
       std::vector<std::pair<std::string, int>>{{"INT", 130}, {"TERM", 143}, {"HUP", 129}}) {
    const auto interrupted = run_command(
        fmt::format("'{}' train --data tiny --threads 1 {} --out results & pid=$!;"
                    "for i in $(seq 6000); do [ -s results/metrics.jsonl ] && break; sleep 0.01; done;"
                    "kill -{} $pid; wait $pid",
                    std::getenv("KEEL_PROGRAM"), options, signal),
        *this / "");
    BOOST_TEST(interrupted.status == status, interrupted.err);
    BOOST_TEST(interrupted.err.find("keel: interrupted after ") != std::string::npos, interrupted.err);
    BOOST_TEST(!fs::exists(*this / "results/results.json"));
    const auto begin = interrupted.err.find("\n  ");
    BOOST_REQUIRE(begin != std::string::npos);
    const auto resumed = run_command(interrupted.err.substr(begin + 3), *this / "");
    BOOST_TEST(resumed.status == 0, resumed.err);
    check_same("whole", "results");
    fs::remove_all(*this / "results");
  }
}

BOOST_AUTO_TEST_CASE(checkpoints_come_by_epochs_steps_or_seconds) {
  const auto names = [&](const std::string& every) {
    train(fmt::format("{} --checkpoint-every {} --keep 100 --out results --force", quick, every));
    return checkpoints("results").size();
  };
  BOOST_TEST(names("1") == 3U);
  BOOST_TEST(names("2") == 2U);  // after the second epoch and at the end
  BOOST_TEST(names("10") == 1U);
  BOOST_TEST(names("7steps") == 5U);  // 7, 14, 21, 28, 30
  BOOST_TEST(names("1000s") == 1U);
  BOOST_TEST(names("0.000001s") == 30U);
}

BOOST_AUTO_TEST_CASE(a_finished_training_is_finished_again_at_once) {
  train(fmt::format("--model bn {} --out results", quick));
  fs::copy(*this / "results", *this / "before", fs::copy_options::recursive);
  for (const char* name : {"model.safetensors", "results.json", "metrics.jsonl"})
    fs::remove(*this / "results" / name);
  train(fmt::format("--model bn {} --out results --resume", quick));
  check_same("before", "results");
}

BOOST_AUTO_TEST_CASE(an_older_checkpoint_is_used_where_newer_ones_are_spoilt) {
  const auto options = fmt::format("--model bn {} --checkpoint-every 8steps --keep 10", quick);
  train(options + " --out whole");
  train(options + " --out results");
  const auto names = checkpoints("results");
  BOOST_REQUIRE(names.size() == 4U);  // 8, 16, 24, 30
  const auto file = [&](std::size_t i) { return *this / "results/checkpoints" / names[i]; };
  fs::resize_file(file(3), fs::file_size(file(3)) - 1);
  auto flipped = read_file(file(2));
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
  std::ofstream{file(2), std::ios::binary} << flipped;
  const auto resumed = train(options + " --out results --resume");
  for (const auto& part : {names[3], names[2], std::string{"it is damaged"},
                           "the older checkpoint 'results/checkpoints/" + names[1] + "' is gone on from"})
    BOOST_TEST(resumed.err.find(part) != std::string::npos, resumed.err);
  check_same("whole", "results");

  for (const auto& name : checkpoints("results")) fs::resize_file(*this / "results/checkpoints" / name, 100);
  check_fails(fmt::format("train --data tiny {} --out results --resume", options), 3,
              {"none of the 4 checkpoints", "--force"});
  // Of another training, which left its own beside.
  train(fmt::format("{} --learning-rate 0.02 --out other", options));
  for (const auto& name : names)
    fs::copy_file(*this / "other/checkpoints" / name, *this / "results/checkpoints" / name,
                  fs::copy_options::overwrite_existing);
  check_fails(fmt::format("train --data tiny {} --out results --resume", options), 3,
              {"other settings, learning-rate 0.02 where 0.01 is asked for"});
  check_fails(fmt::format("train --data tiny {} --seed 9 --out results --resume", options), 2, {"other"});
}

BOOST_AUTO_TEST_CASE(nothing_of_an_earlier_training_stays_where_another_is_forced_in) {
  train(fmt::format("--model bn {} --out results", quick));
  check_fails("train --data tiny --out results", 2, {"another command", "--force"});
  check_fails("compare --data tiny --epochs 1 --out results --force", 2, {"holds a trained network"});
  train(fmt::format("{} --limit 32 --epochs 1 --force --out results", "--batch-size 32 --quiet"));
  BOOST_TEST(checkpoints("results").size() == 1U);
  BOOST_TEST(metrics_in(content("results/metrics.jsonl")).size() == 1U);

  const auto compared =
      run_keel("compare --data tiny --epochs 1 --batch-size 32 --quiet --out compared", *this / "");
  BOOST_TEST_REQUIRE(compared.status == 0, compared.err);
  BOOST_TEST(fs::exists(*this / "compared/runs"));
  train(fmt::format("{} --force --out compared", quick));
  BOOST_TEST(!fs::exists(*this / "compared/runs"));
}

BOOST_AUTO_TEST_CASE(no_number_is_endless) {
  const auto finished =
      run_keel("train --data tiny --epochs 2 --batch-size 32 --learning-rate 1e5 --threads 1 --out results",
               *this / "");
  BOOST_TEST(!std::regex_search(finished.out + finished.err, std::regex{"[0-9]{9}"}),
             finished.out + finished.err);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
