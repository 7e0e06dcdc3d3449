#include "keel/tools/training/classifier.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "fuzz.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/safetensors_header.hpp"

namespace keel::fuzz {

void read(std::span<const std::uint8_t> bytes) {
  const MemoryFile file{text_of(bytes)};
  const auto network = tools::load_network(file.path());
  (void)tools::folded(network);
}

std::vector<std::string> seeds() {
  std::vector<std::string> result;
  const auto path = std::filesystem::temp_directory_path() / fmt::format("keel-fuzz-{}", ::getpid());
  const std::vector<tools::NetworkDescription> descriptions{
      {.height = 2, .width = 3, .hidden = {4}, .classes = 2, .norm = tools::Norm::batch},
      {.height = 4, .width = 4, .channels = {2}, .hidden = {3}, .classes = 2, .norm = tools::Norm::layer},
      {.height = 2,
       .width = 2,
       .hidden = {3, 3},
       .classes = 3,
       .activation = tools::Activation::gelu,
       .dropout = 0.5}};
  for (const auto& description : descriptions) {
    auto network = std::make_unique<tools::Network>(tools::options_of(description));
    initialize(*network, Rng{1});
    tools::save_network({{.network = description}, std::move(network)}, path);
    std::ifstream stream{path, std::ios::binary};
    result.emplace_back(std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{});
    // A checksum of a kind that is not known is not looked at, so that what lies behind it is reached.
    if (const auto place = result.back().find(detail::checksum_algorithm); place != std::string::npos)
      result.back()[place] = '?';
  }
  std::filesystem::remove(path);
  return result;
}

}  // namespace keel::fuzz
