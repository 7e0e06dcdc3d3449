#include "keel/models/safetensors.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <tuple>

#include "keel/runtime/counted.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/write_file.hpp"

namespace keel {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t length_bytes = 8;
constexpr std::uint64_t longest_header = 100'000'000;  // the format's own limit
constexpr const char* metadata_key = "__metadata__";

struct NamedType {
  std::string_view name;
  DType dtype;
};
constexpr std::array type_names{NamedType{"F32", DType::f32}, NamedType{"F64", DType::f64},
                                NamedType{"I32", DType::s32}, NamedType{"U8", DType::u8}};

std::string reason(int error) {
  return std::generic_category().message(error);
}

// Values lie in memory as they do in the file.
void require_little_endian(const fs::path& path) {
  if constexpr (std::endian::native != std::endian::little)
    throw Error{fmt::format("'{}' is little-endian, which this processor is not", path.string())};
}

bool is_utf8(const std::string& text) {
  try {
    const auto quoted = json(text).dump();
    return !quoted.empty();
  } catch (const json::type_error&) {
    return false;
  }
}

// The header with its length in front. Spaces at its end bring the values to a multiple of 8 bytes.
std::string header_of(std::span<const NamedTensor> tensors,
                      const std::map<std::string, std::string>& metadata) {
  auto header = nlohmann::ordered_json::object();
  header[metadata_key] = metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto& type = tensor.type();
    const auto extents = type.shape.extents();
    header[name] = {{"dtype", std::ranges::find(type_names, type.dtype, &NamedType::dtype)->name},
                    {"shape", std::vector<std::int64_t>(extents.begin(), extents.end())},
                    {"data_offsets", {offset, offset + type.bytes()}}};
    offset += type.bytes();
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.append((length_bytes - text.size() % length_bytes) % length_bytes, ' ');
  std::string prefix(length_bytes, '\0');
  const auto length = static_cast<std::uint64_t>(text.size());
  std::memcpy(prefix.data(), &length, length_bytes);
  return prefix + text;
}

// What is written under them must be found again.
void require_names(const fs::path& path, std::span<const NamedTensor> tensors) {
  std::set<std::string_view> known{metadata_key};
  for (const auto& [name, tensor] : tensors) {
    if (!known.insert(name).second) {
      throw Error{fmt::format(
          "'{}' can't be written: {} is called '{}'", path.string(),
          name == metadata_key ? "the format has another use for it, but an array" : "more than one array",
          name)};
    }
    if (!tensor.defined())
      require_values(tensor, fmt::format("'{}' can't be written: the tensor '{}'", path.string(), name));
    if (!is_utf8(name))
      throw Error{fmt::format("'{}' can't be written: the name '{}' is not UTF-8", path.string(), name)};
  }
}

}  // namespace

void write_safetensors(const fs::path& path, std::span<const NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata) {
  require_little_endian(path);
  require_names(path, tensors);
  const auto header = header_of(tensors, metadata);
  std::vector<std::span<const std::byte>> parts{std::as_bytes(std::span{header})};
  for (const auto& [name, tensor] : tensors) parts.emplace_back(tensor.bytes(), tensor.type().bytes());
  write_file(path, parts);
}

// The parsed header: what it says, checked. Nothing here recurses into it, however deep it is.
class Safetensors::Header {
 public:
  Header(const Safetensors& file, const std::string& text)
      : file_(file), root_(json::parse(text, nullptr, false)) {
    if (!root_.is_object())
      file_.fail("its header is not a JSON object: it is damaged, or of another format");
  }

  [[nodiscard]] std::map<std::string, std::string> metadata() const {
    std::map<std::string, std::string> result;
    const auto found = root_.find(metadata_key);
    if (found == root_.end()) return result;
    if (!found->is_object()) file_.fail("its __metadata__ is not a JSON object");
    for (const auto& [name, value] : found->items()) {
      if (!value.is_string()) file_.fail(fmt::format("'{}' in its __metadata__ is not a string", name));
      result.emplace(name, value.get<std::string>());
    }
    return result;
  }

  [[nodiscard]] std::map<std::string, Entry> entries() const {
    std::map<std::string, Entry> result;
    for (const auto& [name, value] : root_.items())
      if (name != metadata_key) result.emplace(name, entry(name, value));
    return result;
  }

 private:
  [[nodiscard]] Entry entry(const std::string& name, const json& value) const {
    const auto offsets = counts(name, value, "data_offsets");
    const Entry found{.type = {shape(name, counts(name, value, "shape")), dtype(name, value)},
                      .begin = offsets.empty() ? 0 : offsets.front(),
                      .end = offsets.empty() ? 0 : offsets.back()};
    const bool fits = offsets.size() == 2 && found.begin <= found.end && found.end <= file_.value_bytes_ &&
                      found.end - found.begin == found.type.bytes();
    if (fits) return found;
    file_.fail(fmt::format("'{}' is {}, {}, but stands at [{}] of {}: the file is damaged or cut short", name,
                           to_string(found.type), counted(found.type.bytes(), "byte"),
                           fmt::join(offsets, ", "), file_.value_bytes_));
  }

  [[nodiscard]] const json& member(const std::string& name, const json& value, const char* key) const {
    if (!value.is_object() || !value.contains(key)) file_.fail(fmt::format("'{}' has no {}", name, key));
    return value.at(key);
  }

  [[nodiscard]] std::vector<std::uint64_t> counts(const std::string& name, const json& value,
                                                  const char* key) const {
    const json& list = member(name, value, key);
    const auto is_count = [](const json& item) { return item.is_number_unsigned(); };
    const bool good =
        list.is_array() && list.size() <= Shape::max_rank && std::ranges::all_of(list, is_count);
    if (!good) file_.fail(fmt::format("the {} of '{}' is not a short list of counts", key, name));
    return list.get<std::vector<std::uint64_t>>();
  }

  [[nodiscard]] DType dtype(const std::string& name, const json& value) const {
    const json& text = member(name, value, "dtype");
    const auto is_it = [&](const NamedType& type) { return text.is_string() && text == type.name; };
    const auto* const known = std::ranges::find_if(type_names, is_it);
    if (known != type_names.end()) return known->dtype;
    file_.fail(fmt::format("the dtype of '{}' is {}, which is none of F32, F64, I32 and U8", name,
                           text.is_string() ? text.get<std::string>() : "not a string"));
  }

  [[nodiscard]] Shape shape(const std::string& name, const std::vector<std::uint64_t>& extents) const {
    constexpr std::uint64_t too_many = std::uint64_t{1} << 60U;
    std::vector<std::int64_t> clamped;
    for (const auto extent : extents)
      clamped.push_back(static_cast<std::int64_t>(std::min(extent, too_many)));
    try {
      return Shape{std::span<const std::int64_t>{clamped}};
    } catch (const ShapeError& error) {
      file_.fail(fmt::format("the shape of '{}' makes no sense: {}", name, error.what()));
    }
  }

  const Safetensors& file_;
  json root_;
};

Safetensors::Safetensors(const fs::path& path)
    : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0) fail(reason(errno));  // (opening a pipe without O_NONBLOCK would wait for its writer)
  try {
    require_little_endian(path);
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) fail("it is not a regular file");
    const Header header{*this, read_header(static_cast<std::uint64_t>(status.st_size))};
    metadata_ = header.metadata();
    entries_ = header.entries();
    require_side_by_side();
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

Safetensors::~Safetensors() {
  ::close(descriptor_);
}

void Safetensors::fail(std::string_view why) const {
  throw Error{fmt::format("'{}' can't be loaded: {}", path_.string(), why)};
}

void Safetensors::read(std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const auto count = ::read(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(reason(errno));
    if (count == 0) fail("it became shorter while it was read");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

std::string Safetensors::read_header(std::uint64_t file_size) {
  std::array<std::byte, length_bytes> prefix{};
  if (file_size < prefix.size()) fail(fmt::format("it has only {}", counted(file_size, "byte")));
  read(prefix);
  const auto length = std::bit_cast<std::uint64_t>(prefix);
  if (length > longest_header || length > file_size - prefix.size()) {
    fail(fmt::format("its header would have {}, but the file has {}: it is damaged, or of another format",
                     counted(length, "byte"), file_size));
  }
  std::string text(length, '\0');
  read(std::as_writable_bytes(std::span{text}));
  value_bytes_ = file_size - prefix.size() - length;
  return text;
}

// No two arrays share bytes, and there are no bytes but theirs.
void Safetensors::require_side_by_side() const {
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string>> order;
  for (const auto& [name, entry] : entries_) order.emplace_back(entry.begin, entry.end, name);
  std::ranges::sort(order);
  std::uint64_t covered = 0;
  for (const auto& [begin, end, name] : order) {
    if (begin != covered)
      fail(fmt::format("'{}' begins at byte {} of the values, not at {}", name, begin, covered));
    covered = end;
  }
  if (covered != value_bytes_)
    fail(
        fmt::format("it holds {} of values, but its arrays have {}", counted(value_bytes_, "byte"), covered));
}

std::vector<std::byte> Safetensors::read_values() const {
  std::vector<std::byte> values(value_bytes_);
  read(values);
  return values;
}

}  // namespace keel
