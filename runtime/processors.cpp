#include "keel/runtime/processors.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace keel {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream{text};
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

bool names(const std::string& list, std::string_view wanted) {
  return std::ranges::count(split(list, ','), wanted) > 0;
}

// A hierarchy of control groups that may limit processor time.
struct Hierarchy {
  bool version_2;
  std::string mounted_group;  // that the mount point shows
  fs::path mount_point;
};

// Lines are "36 35 0:30 /group /sys/fs/cgroup/cpu rw,relatime [more] - cgroup cgroup rw,cpu".
std::vector<Hierarchy> hierarchies(const fs::path& root) {
  std::vector<Hierarchy> result;
  std::ifstream file{root / "proc/self/mountinfo"};
  for (std::string line; std::getline(file, line);) {
    const auto words = split(line, ' ');
    const auto dash = std::ranges::find(words, "-");
    if (words.size() < 5 || words.end() - dash < 4) continue;
    const bool version_2 = dash[1] == "cgroup2";
    if (!version_2 && !(dash[1] == "cgroup" && names(dash[3], "cpu"))) continue;
    result.push_back({version_2, words[3], root / fs::path{words[4]}.relative_path()});
  }
  return result;
}

// The group of this process. Lines are "3:cpu,cpuacct:/group", and "0::/group" for version 2.
std::optional<std::string> group_in(const fs::path& root, bool version_2) {
  std::ifstream file{root / "proc/self/cgroup"};
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (version_2 ? controllers.empty() : names(controllers, "cpu")) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::optional<double> read_number(std::istream& stream) {
  double number = 0.0;
  if (stream >> number) return number;
  return std::nullopt;  // "max" too
}

std::optional<double> quota_in(const fs::path& folder, bool version_2) {
  std::ifstream file{folder / (version_2 ? "cpu.max" : "cpu.cfs_quota_us")};
  std::ifstream period_file{folder / "cpu.cfs_period_us"};
  const auto quota = read_number(file);
  const auto period = read_number(version_2 ? file : period_file);
  if (!quota || !period || *quota <= 0.0 || *period <= 0.0) return std::nullopt;
  return *quota / *period;
}

// Where a hierarchy shows a group, relative to its mount point; nothing where it lies outside of what is shown.
fs::path shown_at(const Hierarchy& hierarchy, const std::string& group) {
  auto relative = fs::path{group}.lexically_relative(hierarchy.mounted_group);
  if (relative.empty() || *relative.begin() == ".." || relative == ".") return {};
  return relative;
}

}  // namespace

std::optional<double> control_group_quota(const fs::path& root) {
  std::optional<double> least;
  for (const auto& hierarchy : hierarchies(root)) {
    const auto group = group_in(root, hierarchy.version_2);
    if (!group) continue;
    for (auto folder = shown_at(hierarchy, *group);; folder = folder.parent_path()) {
      const auto quota = quota_in(hierarchy.mount_point / folder, hierarchy.version_2);
      if (quota) least = std::min(*quota, least.value_or(*quota));
      if (folder.empty()) break;
    }
  }
  return least;
}

std::optional<int> omp_num_threads() {
  const char* text = std::getenv("OMP_NUM_THREADS");  // NOLINT(concurrency-mt-unsafe)
  if (text == nullptr) return std::nullopt;
  std::string_view value{text};
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  int threads = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), threads);
  if (error != std::errc{} || threads < 1) return std::nullopt;
  return threads;
}

}  // namespace keel
