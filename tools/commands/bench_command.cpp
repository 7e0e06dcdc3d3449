#include "keel/tools/commands/bench_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "keel/runtime/onednn.hpp"
#include "keel/runtime/threads.hpp"
#include "keel/tools/bench/cases.hpp"
#include "keel/tools/bench/measure.hpp"
#include "keel/tools/bench/overhead.hpp"
#include "keel/tools/bench/profile.hpp"
#include "keel/tools/bench/torch_step.hpp"
#include "keel/tools/runs/results.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/output_folder.hpp"

namespace keel::tools {
namespace {

std::vector<BenchCase> chosen_cases(const BenchOptions& options) {
  std::vector<BenchCase> result;
  for (auto& bench_case : bench_cases()) {
    const auto network = bench_case.model.substr(0, bench_case.model.find("-inference"));
    if (!options.models.empty() && std::ranges::count(options.models, network) == 0) continue;
    if (options.batch_size > 0 && options.batch_size != bench_case.batch_size) continue;
    result.push_back(std::move(bench_case));
  }
  if (result.empty()) {
    throw UsageError{fmt::format(
        "there is no case of {} at batch {}; keel bench lists them",
        options.models.empty() ? "any network" : fmt::format("{}", fmt::join(options.models, " or ")),
        options.batch_size)};
  }
  return result;
}

void print_header(bool against_torch) {
  fmt::print("{:16} {:>6} {:>8} {:>11} {:>11} {:>11}", "model", "batch", "threads", "step us", "floor us",
             "step/floor");
  if (against_torch) fmt::print(" {:>11} {:>11}", "torch us", "step/torch");
  fmt::print("\n");
}

void print_line(const BenchCase& bench_case, int threads, const Measurement& measured) {
  fmt::print("{:16} {:6} {:8} {:11.1f} {:11.1f} {:11.3f}", bench_case.model, bench_case.batch_size, threads,
             measured.step_us, measured.floor_us, measured.ratio);
  if (measured.torch_us) fmt::print(" {:11.1f} {:11.3f}", *measured.torch_us, *measured.torch_ratio);
  fmt::print("\n");
  std::fflush(stdout);
}

Json to_json(const BenchCase& bench_case, int threads, const Measurement& measured) {
  Json json{{"model", bench_case.model},   {"batch_size", bench_case.batch_size}, {"threads", threads},
            {"step_us", measured.step_us}, {"floor_us", measured.floor_us},       {"ratio", measured.ratio}};
  if (measured.torch_us) {
    json["torch_us"] = *measured.torch_us;
    json["torch_ratio"] = *measured.torch_ratio;
  }
  return json;
}

void run_cases(const BenchOptions& options) {
  const auto cases = chosen_cases(options);
  const bool against_torch = options.against == "torch";
  Json json{{"keel", keel_version()}, {"onednn", onednn::version()}, {"cpu", processor_name()}};
  if (against_torch) json["torch"] = torch_version();
  fmt::print("keel {}, oneDNN {} ({}), {}\n", keel_version(), onednn::version(), onednn::instruction_set(),
             processor_name());
  if (against_torch) fmt::print("{}\n", torch_version());
  fmt::print("\n");
  print_header(against_torch);
  const auto threads = options.threads > 0 ? std::set{options.threads} : std::set{1, available_processors()};
  json["cases"] = Json::array();
  for (const auto& bench_case : cases) {
    for (const int count : threads) {
      const ThreadLimit limit{count};
      const auto measured = measure(bench_case, options.repeats, against_torch);
      print_line(bench_case, count, measured);
      json["cases"].push_back(to_json(bench_case, count, measured));
    }
  }
  json["node_overhead_ns"] = node_overhead_ns();
  json["compile_us"] = compile_us();
  fmt::print("\noverhead a replayed node, its kernel aside: {:.0f} ns\n",
             json["node_overhead_ns"].get<double>());
  fmt::print("recording and compiling the step of bn at batch 64, oneDNN's cache warm: {:.0f} us\n",
             json["compile_us"].get<double>());
  if (!options.json.empty()) write_file(options.json, json.dump(1) + '\n');
}

}  // namespace

ExitStatus bench(const BenchOptions& options) {
  if (options.profile.empty()) {
    run_cases(options);
  } else {
    print_profile(options.profile, options.batch_size > 0 ? options.batch_size : 64,
                  options.threads > 0 ? options.threads : available_processors());
  }
  return ExitStatus::done;
}

}  // namespace keel::tools
