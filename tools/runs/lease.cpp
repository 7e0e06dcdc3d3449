#include "keel/tools/runs/lease.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <fstream>
#include <iterator>
#include <random>
#include <string_view>
#include <system_error>
#include <vector>

#include "keel/runtime/error.hpp"
#include "keel/tools/system/output_folder.hpp"

namespace keel::tools {
namespace {

constexpr int beats_within_patience = 4;
constexpr std::string_view extension = ".lease";

// Of this process among all that ever share a folder; it is for nothing else, and no result depends on it.
std::string name_of_holder() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  std::random_device random;
  return fmt::format("{} {} {:08x}{:08x}", host.data(), ::getpid(), random(), random());
}

// Empty if there is none, or it can't be read.
std::string content_of(const std::filesystem::path& path) {
  std::ifstream stream{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{}};
}

// Whether this process has made the file.
bool create(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0 && errno != EEXIST)
    throw Error{fmt::format("'{}', by which processes share runs, can't be written: {}", path.string(),
                            std::generic_category().message(errno))};
  if (file >= 0) ::close(file);
  return file >= 0;
}

}  // namespace

Lease::~Lease() {
  if (book_ != nullptr) book_->release(name_);
}

LeaseBook::LeaseBook(std::filesystem::path folder, std::chrono::milliseconds patience)
    : folder_(std::move(folder)), patience_(patience), holder_(name_of_holder()) {
  if (patience_ < std::chrono::milliseconds{100})
    throw Error{fmt::format("claims of runs can't be kept up within {} ms; give them 100 or more",
                            patience_.count())};
  heart_ = std::jthread{[this](const std::stop_token& stop) { beat(stop); }};
}

std::optional<Lease> LeaseBook::claim(const std::string& name) {
  const std::scoped_lock lock{mutex_};
  if (held_.contains(name)) return std::nullopt;
  if (!create(path_of(name)) && !is_abandoned(name)) return std::nullopt;
  write(name);
  if (!is_ours(name)) return std::nullopt;  // another took it over in the same moment
  held_.insert(name);
  seen_.erase(name);
  return std::optional<Lease>{std::in_place, *this, name};
}

bool LeaseBook::is_abandoned(const std::string& name) {
  auto content = content_of(path_of(name));
  const auto now = std::chrono::steady_clock::now();
  auto& sight = seen_.try_emplace(name, Sight{content, now}).first->second;
  if (sight.content == content) return now - sight.since >= patience_;
  sight = {std::move(content), now};
  return false;
}

std::filesystem::path LeaseBook::path_of(const std::string& name) const {
  return folder_ / fmt::format(".{}{}", name, extension);
}

bool LeaseBook::is_ours(const std::string& name) const {
  return content_of(path_of(name)).starts_with(holder_);
}

void LeaseBook::write(const std::string& name) {
  write_file(path_of(name), fmt::format("{} {}\n", holder_, ++beats_));
}

void LeaseBook::release(const std::string& name) {
  const std::scoped_lock lock{mutex_};
  held_.erase(name);
  std::error_code ignored;
  if (is_ours(name)) std::filesystem::remove(path_of(name), ignored);
}

void LeaseBook::clear() {
  const std::scoped_lock lock{mutex_};
  std::error_code error;
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator{folder_, error})
    if (entry.path().extension() == extension) found.push_back(entry.path());
  for (const auto& path : found) std::filesystem::remove(path, error);
}

void LeaseBook::beat(const std::stop_token& stop) {
  std::mutex unused;
  std::condition_variable_any never;
  while (!stop.stop_requested()) {
    std::unique_lock waiting{unused};
    never.wait_for(waiting, stop, patience_ / beats_within_patience, [] { return false; });
    const std::scoped_lock lock{mutex_};
    for (const auto& name : held_) {
      try {
        if (!stop.stop_requested() && is_ours(name)) write(name);
      } catch (const Error&) {  // for a moment, or for good: then the claim is taken over
      }
    }
  }
}

}  // namespace keel::tools
