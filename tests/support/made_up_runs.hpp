#pragma once

// Made-up runs, and a folder to keep them in.

#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "keel/tools/runs/run_queue.hpp"
#include "keel/tools/system/json.hpp"
#include "process.hpp"

namespace keel::test {

inline tools::RunResult result_of(const tools::RunSettings& settings) {
  tools::RunResult run{.settings = settings, .parameters = static_cast<std::int64_t>(100 * settings.seed)};
  run.epochs.push_back(
      {.epoch = 1, .steps = 5, .seconds = 0.1, .train_loss = 1.0 / 3.0, .validation = {0.1, 0.7}});
  run.test = tools::Evaluation{0.2, 0.9};
  run.measures["series"] = {0.1, std::nan(""), 1e308};
  return run;
}

inline tools::RunSettings settings_of(std::uint64_t seed, const std::string& model = "bn") {
  return {.study = "made-up", .model = model, .factors = {{"size", 0.1}, {"kind", "a+b"}}, .seed = seed};
}

inline tools::Job job_of(
    std::uint64_t seed,
    const std::function<std::optional<tools::RunResult>(const tools::RunSettings&)>& run) {
  return {.settings = settings_of(seed),
          .run = [run](const tools::RunSettings& s, const tools::RunContext&) { return run(s); }};
}

inline std::vector<tools::RunResult> run_quietly(std::span<const tools::Job> jobs, int threads,
                                                 const tools::RunStore* store = nullptr,
                                                 const std::stop_token& stop = {}) {
  return tools::run_all(jobs, tools::DataSet{}, {.threads = threads, .quiet = true, .store = store}, stop);
}

/// Where made-up runs are kept.
struct StoreFolder {
  [[nodiscard]] tools::RunStore store(bool reused = true,
                                      const tools::Json& provenance = {{"data", "abc"}}) const {
    return {folder.path(), provenance, reused};
  }
  [[nodiscard]] std::filesystem::path only_file() const {
    return std::filesystem::directory_iterator {
      folder.path() / "runs"
      } -> path();
  }
  void overwrite(const std::string& content) const { std::ofstream{only_file(), std::ios::trunc} << content; }

  TemporaryFolder folder;
};

}  // namespace keel::test
