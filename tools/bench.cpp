#include "keel/tools/bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "keel/models/initialize.hpp"
#include "keel/models/sgd.hpp"
#include "keel/models/training_step.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/bench_floor.hpp"
#include "keel/tools/output_folder.hpp"

namespace keel::tools {
namespace {

struct BenchCase {
  std::string model;
  MlpOptions network;
  std::int64_t batch_size;
  bool training;
};

struct Measurement {
  double step_us;
  double floor_us;
  double ratio;  // the median of the paired ratios
};

MlpOptions network_of(const std::string& model) {
  MlpOptions options;
  if (model.starts_with("deep")) options.hidden.assign(40, 64);
  if (model.starts_with("wide")) options.hidden = {2048, 2048};
  options.batch_norm = model.find("bn") != std::string::npos;
  return options;
}

std::vector<BenchCase> cases() {
  std::vector<BenchCase> result;
  const auto add = [&](const std::string& model, std::int64_t batch, bool training) {
    result.push_back({training ? model : model + "-inference", network_of(model), batch, training});
  };
  for (const std::int64_t batch : {32, 64, 128, 512}) {
    for (const auto* model : {"plain", "bn"}) add(model, batch, true);
  }
  for (const auto* model : {"deep-plain", "deep-bn"}) add(model, 64, true);
  for (const auto* model : {"wide-plain", "wide-bn"}) add(model, 256, true);
  for (const std::int64_t batch : {1, 64, 1024}) {
    for (const auto* model : {"plain", "bn"}) add(model, batch, false);
  }
  return result;
}

// A batch of noise with labels, the same every time.
struct Batch {
  Batch(std::int64_t size, const MlpOptions& network)
      : images(Shape{size, network.inputs}), labels(Shape{size}, DType::s32) {
    Rng rng{1};
    for (auto& pixel : images.data<float>()) pixel = static_cast<float>(rng.uniform(-1.0, 1.0));
    for (auto& label : labels.data<std::int32_t>()) {
      label = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(network.classes)));
    }
  }

  Tensor images;
  Tensor labels;
};

using Clock = std::chrono::steady_clock;

template <class Function>
double microseconds(const Function& function, int calls) {
  const auto start = Clock::now();
  for (int i = 0; i < calls; ++i) function();
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / calls;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  return *middle;
}

// Both in turn, so that a drift of the machine's speed falls on both; each sample long enough for the clock.
template <class Step>
Measurement measure_pairs(const Step& step, const Floor& floor, int repeats) {
  const auto run_floor = [&] { floor.run(); };
  microseconds(step, 3);
  microseconds(run_floor, 3);
  constexpr double sample_us = 4000.0;
  const int calls = std::clamp(static_cast<int>(sample_us / microseconds(step, 5)), 1, 1000);
  std::vector<double> steps;
  std::vector<double> floors;
  std::vector<double> ratios;
  for (int i = 0; i < repeats; ++i) {
    const bool step_first = i % 2 == 0;
    if (step_first) steps.push_back(microseconds(step, calls));
    floors.push_back(microseconds(run_floor, calls));
    if (!step_first) steps.push_back(microseconds(step, calls));
    ratios.push_back(steps.back() / floors.back());
  }
  return {median(steps), median(floors), median(ratios)};
}

Measurement measure(const BenchCase& bench_case, int threads, int repeats) {
  const ThreadLimit limit{threads};
  Mlp model{bench_case.network};
  initialize(model, Rng{1});
  const Batch batch{bench_case.batch_size, bench_case.network};
  const Floor floor{bench_case.network, bench_case.batch_size, bench_case.training};
  if (!bench_case.training) {
    Inference infer{model};
    return measure_pairs([&] { infer(batch.images); }, floor, repeats);
  }
  // A rate of nearly nothing: the same arithmetic, and noise can't be learned into infinity.
  Sgd sgd{{.learning_rate = 1e-6, .momentum = 0.9}};
  TrainingStep step{model, sgd, cross_entropy};
  return measure_pairs([&] { step(batch.images, batch.labels); }, floor, repeats);
}

void run_cases(const BenchOptions& options) {
  auto json = nlohmann::ordered_json{{"cases", nlohmann::ordered_json::array()}};
  const auto threads = options.threads > 0 ? std::set{options.threads} : std::set{1, available_processors()};
  fmt::print("{:16} {:>6} {:>8} {:>11} {:>11} {:>7}\n", "model", "batch", "threads", "step us", "floor us",
             "ratio");
  for (const auto& bench_case : cases()) {
    for (const int count : threads) {
      const auto [step, floor, ratio] = measure(bench_case, count, options.repeats);
      fmt::print("{:16} {:6} {:8} {:11.1f} {:11.1f} {:7.3f}\n", bench_case.model, bench_case.batch_size,
                 count, step, floor, ratio);
      std::fflush(stdout);
      json["cases"].push_back({{"model", bench_case.model},
                               {"batch_size", bench_case.batch_size},
                               {"threads", count},
                               {"step_us", step},
                               {"floor_us", floor},
                               {"ratio", ratio}});
    }
  }
  if (!options.json.empty()) write_file(options.json, json.dump(1) + '\n');
}

void print_profile(const BenchOptions& options) {
  const ThreadLimit limit{options.threads > 0 ? options.threads : available_processors()};
  const auto network = network_of(options.profile);
  Mlp model{network};
  initialize(model, Rng{1});
  Sgd sgd{{.learning_rate = 1e-6, .momentum = 0.9}};
  TrainingStep step{model, sgd, cross_entropy};
  const Batch batch{options.batch_size, network};
  Plan& plan = step.plan(batch.images, batch.labels);
  // About a second of it, of a large network some runs at the least.
  const double once = microseconds([&] { step(batch.images, batch.labels); }, 3);
  const auto times = plan.profile(std::clamp(static_cast<int>(1e6 / once), 11, 1001));
  double total = 0.0;
  for (const double time : times) total += time;
  fmt::print("{:38} {:>8} {:>7} {:>9} {:>8} {:>8}  {}\n", "node", "us", "share", "GFLOP/s", "GB/s", "threads",
             "implementation");
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto& line = plan.steps()[i];
    const auto flops = line.cost.flops > 0 ? fmt::format("{:.1f}", line.cost.flops / times[i] * 1e-3) : "";
    fmt::print("{:38} {:8.2f} {:5.1f} % {:>9} {:8.1f} {:8}  {}\n", line.node.op->name(), times[i],
               100.0 * times[i] / total, flops, line.cost.bytes / times[i] * 1e-3, line.threads,
               line.implementation);
  }
  fmt::print("{:38} {:8.2f}\n", "sum", total);
}

}  // namespace

void add_bench_command(CLI::App& app, BenchOptions& options, ExitStatus& status) {
  auto* command = app.add_subcommand(
      "bench", "measure training steps and inference against the bare oneDNN primitives of the same shapes");
  command->add_option("--json", options.json, "file to write the figures to as well")->type_name("FILE");
  command
      ->add_option("--profile", options.profile,
                   "list the nodes of this model's training step with their times instead")
      ->type_name("MODEL")
      ->check(CLI::IsMember({"plain", "bn", "deep-plain", "deep-bn", "wide-plain", "wide-bn"}));
  command->add_option("--batch-size", options.batch_size, "images a step, of the profile")
      ->type_name("N")
      ->check(CLI::Range(2, 1'000'000))
      ->capture_default_str();
  command->add_option("--threads", options.threads, "threads inside a step [one, and all]")
      ->type_name("T")
      ->check(CLI::Range(1, 1024));
  command->add_option("--repeats", options.repeats, "pairs of measurements a case")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->callback([&options, &status] {
    if (options.profile.empty())
      run_cases(options);
    else
      print_profile(options);
    status = ExitStatus::done;
  });
}

}  // namespace keel::tools
