#include "keel/tools/commands/bench_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>

#include "keel/runtime/counted.hpp"
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
#include "keel/tools/system/terminal.hpp"

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

// So that a file that can't be written is told before the minutes that there is something for it.
void require_writable(const std::filesystem::path& path) {
  if (path.empty()) return;
  const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path{"."};
  std::error_code error;
  const auto& target = std::filesystem::exists(path, error) ? path : parent;
  if (::access(target.c_str(), W_OK) == 0) return;
  throw Error{
      fmt::format("'{}' can't be written: {}", path.string(), std::generic_category().message(errno))};
}

constexpr std::size_t table_width = 78;

std::string ratio_text(const PairedRatio& ratio) {
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", ratio.middle, ratio.low, ratio.high);
}

void print_heading(int repeats, bool against_torch, std::size_t width) {
  const auto what = fmt::format(
      "step: a training step of keel's, or an inference; floor: the bare oneDNN primitives of the same shapes{}. Times "
      "are medians over {}, in microseconds; step/floor{} is the median of the ratios within a round, with "
      "the range of the middle 80 % of them.",
      against_torch ? "; torch: the same by libtorch" : "", counted(repeats, "round"),
      against_torch ? " and step/torch" : "");
  fmt::print("{}\n\n", wrapped(what, width));
  if (width >= table_width) {
    fmt::print("{:20} {:>6} {:>7} {:>9} {:>9}  {}\n", "model", "batch", "threads", "step us", "floor us",
               "step/floor [80 %]");
  }
}

void print_line(const BenchCase& bench_case, int threads, const Measurement& measured, std::size_t width) {
  const auto ratio = ratio_text(measured.ratio);
  if (width >= table_width) {
    fmt::print("{:20} {:6} {:7} {:9.1f} {:9.1f}  {}\n", bench_case.model, bench_case.batch_size, threads,
               measured.step_us, measured.floor_us, ratio);
  } else {
    fmt::print("{}, batch {}, threads {}\n  step us: {:.1f}\n  floor us: {:.1f}\n  step/floor: {}\n",
               bench_case.model, bench_case.batch_size, threads, measured.step_us, measured.floor_us, ratio);
  }
  if (measured.torch_us) {
    fmt::print("  torch us: {:.1f}\n  step/torch: {}\n", *measured.torch_us,
               ratio_text(*measured.torch_ratio));
  }
  std::fflush(stdout);
}

void add_ratio(Json& json, const std::string& name, const PairedRatio& ratio) {
  json[name] = ratio.middle;
  json[name + "_low"] = ratio.low;
  json[name + "_high"] = ratio.high;
}

Json to_json(const BenchCase& bench_case, int threads, const Measurement& measured) {
  Json json{{"model", bench_case.model},
            {"batch_size", bench_case.batch_size},
            {"threads", threads},
            {"step_us", measured.step_us},
            {"floor_us", measured.floor_us}};
  add_ratio(json, "ratio", measured.ratio);
  if (measured.torch_us) {
    json["torch_us"] = *measured.torch_us;
    add_ratio(json, "torch_ratio", *measured.torch_ratio);
  }
  return json;
}

// A table that says 8 where there were 3 would not be true.
int startable(int threads) {
  const ThreadLimit limit{threads};
  return startable_threads(threads);
}

int wanted_threads(int threads) {
  if (threads == 0) return startable(available_processors());
  if (const int given = startable(threads); given < threads) {
    throw Error{
        fmt::format("of the {} threads that were asked for the system gives only {}; choose --threads {} or "
                    "fewer, or raise the limit (ulimit -u, OMP_THREAD_LIMIT)",
                    threads, given, given)};
  }
  return threads;
}

ExitStatus run_cases(const BenchOptions& options, const std::stop_token& stop) {
  const auto cases = chosen_cases(options);
  const bool against_torch = options.against == "torch";
  require_writable(options.json);
  const auto width = terminal_width(STDOUT_FILENO);
  Json json{{"keel", keel_version()}, {"onednn", onednn::version()}, {"cpu", processor_name()}};
  if (against_torch) json["torch"] = torch_version();
  const auto most = wanted_threads(options.threads);
  const auto threads = options.threads > 0 ? std::set{most} : std::set{1, most};
  fmt::print("{}\n", wrapped(fmt::format("keel {}, oneDNN {} ({}), {}", keel_version(), onednn::version(),
                                         onednn::instruction_set(), processor_name()),
                             width, "  "));
  if (against_torch) fmt::print("{}\n", torch_version());
  fmt::print("\n");
  print_heading(options.repeats, against_torch, width);
  json["cases"] = Json::array();
  for (const auto& bench_case : cases) {
    for (const int count : threads) {
      if (stop.stop_requested()) break;
      const ThreadLimit limit{count};
      const auto measured = measure(bench_case, options.repeats, against_torch);
      print_line(bench_case, count, measured, width);
      json["cases"].push_back(to_json(bench_case, count, measured));
    }
  }
  const auto done = json["cases"].size();
  if (!stop.stop_requested()) {
    json["node_overhead_ns"] = node_overhead_ns();
    json["compile_us"] = compile_us();
    const auto overhead = fmt::format("overhead a replayed node, its kernel aside: {:.0f} ns",
                                      json["node_overhead_ns"].get<double>());
    const auto compiling =
        fmt::format("recording and compiling the step of bn at batch 64, oneDNN's cache warm: {:.0f} us",
                    json["compile_us"].get<double>());
    fmt::print("\n{}\n{}\n", wrapped(overhead, width, "  "), wrapped(compiling, width, "  "));
  }
  if (!options.json.empty() && done > 0) write_file(options.json, json_text(json, 1) + "\n");
  if (!stop.stop_requested()) return ExitStatus::done;
  fmt::print(stderr, "keel: interrupted; {} of {} cases were measured\n", done,
             cases.size() * threads.size());
  return ExitStatus::interrupted;
}

}  // namespace

ExitStatus bench(const BenchOptions& options, const std::function<std::stop_token()>& stop) {
  if (options.profile.empty()) return run_cases(options, stop());
  print_profile(options.profile, options.batch_size > 0 ? options.batch_size : 64,
                wanted_threads(options.threads));
  return ExitStatus::done;
}

}  // namespace keel::tools
