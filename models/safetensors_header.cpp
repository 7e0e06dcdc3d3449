#include "keel/models/safetensors_header.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>
#include <vector>

#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"

namespace keel::detail {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class Parser {
 public:
  Parser(const fs::path& path, const json& root, std::uint64_t value_bytes)
      : path_(path), root_(root), value_bytes_(value_bytes) {
    if (!root_.is_object()) fail("its header is not a JSON object: it is damaged, or of another format");
  }

  [[nodiscard]] std::map<std::string, std::string> metadata() const {
    std::map<std::string, std::string> result;
    const auto found = root_.find(metadata_key);
    if (found == root_.end()) return result;
    if (!found->is_object()) fail("its __metadata__ is not a JSON object");
    for (const auto& [name, value] : found->items()) {
      if (!value.is_string()) fail(fmt::format("'{}' in its __metadata__ is not a string", name));
      result.emplace(name, value.get<std::string>());
    }
    return result;
  }

  [[nodiscard]] std::map<std::string, SafetensorsEntry> entries() const {
    std::map<std::string, SafetensorsEntry> result;
    for (const auto& [name, value] : root_.items())
      if (name != metadata_key) result.emplace(name, entry(name, value));
    return result;
  }

 private:
  [[noreturn]] void fail(std::string_view why) const { fail_to_load(path_, why); }

  [[nodiscard]] SafetensorsEntry entry(const std::string& name, const json& value) const {
    const auto offsets = counts(name, value, "data_offsets");
    SafetensorsEntry found{.dtype = dtype(name, value),
                           .shape = shape(name, counts(name, value, "shape")),
                           .begin = offsets.empty() ? 0 : offsets.front(),
                           .end = offsets.empty() ? 0 : offsets.back()};
    require_place(name, found, offsets);
    return found;
  }

  void require_place(const std::string& name, const SafetensorsEntry& entry,
                     const std::vector<std::uint64_t>& offsets) const {
    const auto* const type = std::ranges::find(safetensors_types, entry.dtype, &SafetensorsType::name);
    const bool known = type != safetensors_types.end();  // of others the size is not known
    const auto bytes =
        known ? static_cast<std::uint64_t>(entry.shape.elements()) * type->bytes : entry.end - entry.begin;
    const bool fits = offsets.size() == 2 && entry.begin <= entry.end && entry.end <= value_bytes_ &&
                      entry.end - entry.begin == bytes;
    if (fits) return;
    fail(fmt::format("'{}' is {} {}, {}, but stands at [{}] of {}: the file is damaged or cut short", name,
                     entry.dtype, to_string(entry.shape), counted(bytes, "byte"), fmt::join(offsets, ", "),
                     value_bytes_));
  }

  [[nodiscard]] const json& member(const std::string& name, const json& value, const char* key) const {
    if (!value.is_object() || !value.contains(key)) fail(fmt::format("'{}' has no {}", name, key));
    return value.at(key);
  }

  [[nodiscard]] std::vector<std::uint64_t> counts(const std::string& name, const json& value,
                                                  const char* key) const {
    const json& list = member(name, value, key);
    const auto is_count = [](const json& item) { return item.is_number_unsigned(); };
    const bool good =
        list.is_array() && list.size() <= Shape::max_rank && std::ranges::all_of(list, is_count);
    if (!good) fail(fmt::format("the {} of '{}' is not a short list of counts", key, name));
    return list.get<std::vector<std::uint64_t>>();
  }

  [[nodiscard]] std::string dtype(const std::string& name, const json& value) const {
    const json& text = member(name, value, "dtype");
    if (!text.is_string()) fail(fmt::format("the dtype of '{}' is not a string", name));
    return text.get<std::string>();
  }

  [[nodiscard]] Shape shape(const std::string& name, const std::vector<std::uint64_t>& extents) const {
    constexpr std::uint64_t too_many = std::uint64_t{1} << 60U;
    std::vector<std::int64_t> clamped;
    for (const auto extent : extents)
      clamped.push_back(static_cast<std::int64_t>(std::min(extent, too_many)));
    try {
      return Shape{std::span<const std::int64_t>{clamped}};
    } catch (const ShapeError& error) {
      fail(fmt::format("the shape of '{}' makes no sense: {}", name, error.what()));
    }
  }

  const fs::path& path_;
  const json& root_;
  std::uint64_t value_bytes_;
};

// Whether lists and objects stand in each other deeper than the format has them, before memory is taken for
// them.
bool is_too_deep(std::string_view text) {
  constexpr int deepest = 3;  // the header, an array, its shape
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size() && depth <= deepest; ++i) {
    const char c = text[i];
    if (in_string && c == '\\')
      ++i;
    else if (c == '"')
      in_string = !in_string;
    else if (!in_string)
      depth += static_cast<int>(c == '[' || c == '{') - static_cast<int>(c == ']' || c == '}');
  }
  return depth > deepest;
}

}  // namespace

void Checksum::add(std::span<const std::byte> bytes) {
  constexpr std::uint64_t prime = 0x100000001B3U;
  for (const auto byte : bytes) hash_ = (hash_ ^ std::to_integer<std::uint64_t>(byte)) * prime;
}

std::string Checksum::text() const {
  return fmt::format("{:016x}", hash_);
}

SafetensorsHeader parse_header(const fs::path& path, const std::string& text, std::uint64_t value_bytes) {
  if (is_too_deep(text))
    fail_to_load(path, "its header is nested too deep: it is damaged, or of another format");
  const json root = json::parse(text, nullptr, false);
  const Parser parser{path, root, value_bytes};
  return {parser.entries(), parser.metadata()};
}

void require_little_endian(const fs::path& path) {
  if constexpr (std::endian::native != std::endian::little)
    throw Error{fmt::format("'{}' is little-endian, which this processor is not", path.string())};
}

void fail_to_load(const fs::path& path, std::string_view why) {
  throw Error{fmt::format("'{}' can't be loaded: {}", path.string(), why)};
}

}  // namespace keel::detail
