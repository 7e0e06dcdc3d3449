#include "study_support.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "keel/runtime/rng.hpp"
#include "keel/tools/data/idx_writer.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

constexpr int classes = 5;
constexpr std::int64_t side = 8;

// Each pixel of a class is dark or bright, and noise moves it by up to half of the range.
ImageSet images(std::int64_t count, Rng noise) {
  ImageSet set{.height = side, .width = side, .pixels = {}, .labels = {}};
  for (std::int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::uint64_t>(i) % classes;
    Rng pattern = Rng{1}.stream("pattern", label);
    for (std::int64_t pixel = 0; pixel < side * side; ++pixel) {
      const double value = (pattern.below(2) == 0 ? 80.0 : 175.0) + noise.uniform(-127.0, 127.0);
      set.pixels.push_back(static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0)));
    }
    set.labels.push_back(static_cast<std::uint8_t>(label));
  }
  return set;
}

void write(const std::filesystem::path& path, const std::string& content) {
  std::ofstream{path, std::ios::binary} << content;
}

bool is_time(const std::string& name) {
  return name.find("seconds") != std::string::npos;
}

}  // namespace

const DataSet& tiny_data() {
  static const DataSet data = [] {
    DataSet made{.name = "tiny",
                 .digest = {},
                 .classes = classes,
                 .train = images(400, Rng{2}),
                 .test = images(100, Rng{3})};
    made.digest = digest(made.train, made.test);
    return made;
  }();
  return data;
}

Json results_in(const std::filesystem::path& folder) {
  return Json::parse(read_file(folder / "results.json"));
}

Json without_times(Json results) {
  for (const auto* key : {"seconds", "started", "threads", "command"}) results.erase(key);
  for (auto& run : results.at("runs")) {
    for (auto& epoch : run.at("epochs")) epoch.erase("seconds");
    if (!run.contains("measures")) continue;
    Json kept = Json::object();
    for (const auto& [name, values] : run.at("measures").items())
      if (!is_time(name)) kept[name] = values;
    run["measures"] = std::move(kept);
  }
  return results;
}

std::vector<std::filesystem::path> kept_runs(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> runs;
  for (const auto& entry : std::filesystem::directory_iterator{folder / "runs"})
    if (!entry.path().filename().string().starts_with('.')) runs.push_back(entry.path());
  std::ranges::sort(runs);
  return runs;
}

StudyFolder::StudyFolder() {
  const auto folder = *this / "tiny";
  std::filesystem::create_directory(folder);
  const auto& data = tiny_data();
  write(folder / "train-images-idx3-ubyte.gz", gzipped_idx_images(data.train));
  write(folder / "train-labels-idx1-ubyte.gz", gzipped_idx_labels(data.train));
  write(folder / "t10k-images-idx3-ubyte.gz", gzipped_idx_images(data.test));
  write(folder / "t10k-labels-idx1-ubyte.gz", gzipped_idx_labels(data.test));
}

Finished StudyFolder::keel(const std::string& arguments) const {
  return run_keel(arguments + " --data tiny --quiet", folder_.path());
}

Finished StudyFolder::stopped_keel(const std::string& arguments, const std::string& out,
                                   const std::string& signal) const {
  return run_command(fmt::format("'{}' {} --data tiny --quiet --threads 1 & pid=$!;"
                                 "for i in $(seq 6000); do"
                                 " [ $(ls {}/runs 2>/dev/null | wc -l) -lt 4 ] || break; sleep 0.01; done;"
                                 "kill -{} $pid; wait $pid",
                                 std::getenv("KEEL_PROGRAM"), arguments, out, signal),
                     folder_.path());
}

}  // namespace keel::test
