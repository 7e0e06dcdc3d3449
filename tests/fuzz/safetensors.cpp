#include "keel/models/safetensors.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "fuzz.hpp"
#include "keel/keel.hpp"

namespace keel::fuzz {
namespace {

struct SmallModel {
  Linear fc1{3, 4, {.bias = false}};
  BatchNorm bn1{4};
  Linear fc2{4, 2};
  void visit(auto&& each) { each("fc1", fc1), each("bn1", bn1), each("fc2", fc2); }
};

// A header with its length in front, and values.
std::string file_of(const std::string& header, const std::string& values) {
  std::string length;
  for (unsigned shift = 0; shift < 64; shift += 8)
    length += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> shift & 0xFFU);
  return length + header + values;
}

}  // namespace

void read(std::span<const std::uint8_t> bytes) {
  const MemoryFile file{text_of(bytes)};
  for (const bool strict : {true, false}) {
    SmallModel model;
    initialize(model, Rng{1});
    try {
      (void)load_checkpoint(model, file.path(), {.strict = strict});
    } catch (const Error&) {
      // Other models' arrays are looked at below.
    }
  }
  Safetensors content{file.path()};
  content.read_values();
  for (const auto& [name, entry] : content.entries())
    if (const auto dtype = entry.natural_dtype()) (void)content.tensor(name, *dtype);
}

std::vector<std::string> seeds() {
  std::vector<std::string> result;
  SmallModel model;
  initialize(model, Rng{1});
  const auto path = std::filesystem::temp_directory_path() / fmt::format("keel-fuzz-{}", ::getpid());
  for (const auto names : {Names::keel, Names::pytorch}) {
    save_checkpoint(model, path, {.names = names});
    std::ifstream stream{path, std::ios::binary};
    result.emplace_back(std::istreambuf_iterator<char>{stream}, std::istreambuf_iterator<char>{});
  }
  std::filesystem::remove(path);
  for (const auto* dtype : {"F16", "BF16", "I64", "F64", "U8"}) {
    result.push_back(file_of(
        fmt::format(
            R"({{"__metadata__":{{"a":"b"}},"fc2.bias":{{"dtype":"{}","shape":[2],"data_offsets":[0,{}]}}}})",
            dtype,
            dtype[0] == 'U'   ? 2
            : dtype[1] == '6' ? 16
                              : 4),
        std::string(dtype[0] == 'U'   ? 2
                    : dtype[1] == '6' ? 16
                                      : 4,
                    '\x3C')));
  }
  return result;
}

}  // namespace keel::fuzz
