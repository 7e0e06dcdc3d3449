#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "keel/models/safetensors.hpp"
#include "keel/models/safetensors_header.hpp"
#include "keel/runtime/error.hpp"
#include "keel/runtime/write_file.hpp"

namespace keel {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// An array as it stands in the file.
struct Written {
  std::string_view name;
  std::string_view dtype;
  Shape shape;
  std::span<const std::byte> bytes;
};

// What is written under them must be found again.
void require_names(const fs::path& path, std::span<const NamedTensor> tensors,
                   const std::map<std::string, std::string>& metadata) {
  for (const auto& [name, text] : metadata) {
    if (detail::is_utf8(name)) continue;
    throw Error{
        fmt::format("'{}' can't be written: the name '{}' of a text is not UTF-8", path.string(), name)};
  }
  std::set<std::string_view> known{detail::metadata_key};
  for (const auto& [name, tensor, as_i64] : tensors) {
    if (!known.insert(name).second) {
      throw Error{fmt::format("'{}' can't be written: {} is called '{}'", path.string(),
                              name == detail::metadata_key ? "the format has another use for it, but an array"
                                                           : "more than one array",
                              name)};
    }
    if (!tensor.defined())
      require_values(tensor, fmt::format("'{}' can't be written: the tensor '{}'", path.string(), name));
    if (!detail::is_utf8(name))
      throw Error{fmt::format("'{}' can't be written: the name '{}' is not UTF-8", path.string(), name)};
  }
}

std::vector<std::int64_t> rounded(const Tensor& tensor) {
  std::vector<std::int64_t> result;
  const auto append = [&](const auto& elements) {
    for (const auto element : elements) result.push_back(std::llround(element));
  };
  if (tensor.dtype() == DType::f64)
    append(tensor.data<double>());
  else
    append(tensor.data<float>());
  return result;
}

// The header with its length in front. Spaces at its end bring the values to a multiple of 8 bytes.
std::string header_of(std::span<const Written> arrays, const std::map<std::string, std::string>& metadata) {
  auto header = nlohmann::ordered_json::object();
  header[detail::metadata_key] = metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, dtype, shape, bytes] : arrays) {
    const auto extents = shape.extents();
    header[std::string{name}] = {{"dtype", dtype},
                                 {"shape", std::vector<std::int64_t>(extents.begin(), extents.end())},
                                 {"data_offsets", {offset, offset + bytes.size()}}};
    offset += bytes.size();
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.append((detail::length_bytes - text.size() % detail::length_bytes) % detail::length_bytes, ' ');
  std::string prefix(detail::length_bytes, '\0');
  const auto length = static_cast<std::uint64_t>(text.size());
  std::memcpy(prefix.data(), &length, detail::length_bytes);
  return prefix + text;
}

// The checksum is of the file with zeros in its place.
void enter_checksum(std::string& header, std::span<const Written> arrays) {
  const auto entry = fmt::format("{}{}", detail::checksum_algorithm, detail::no_checksum);
  detail::Checksum checksum;
  checksum.add(std::as_bytes(std::span{header}));
  for (const auto& array : arrays) checksum.add(array.bytes);
  header.replace(header.find(entry) + detail::checksum_algorithm.size(), detail::no_checksum.size(),
                 checksum.text());
}

}  // namespace

bool detail::is_utf8(std::string_view text) {
  try {
    const auto quoted = json(text).dump();
    return !quoted.empty();
  } catch (const json::type_error&) {
    return false;
  }
}

void write_safetensors(const fs::path& path, std::span<const NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata) {
  detail::require_little_endian(path);
  require_names(path, tensors, metadata);
  std::vector<std::vector<std::int64_t>> integers(tensors.size());
  std::vector<Written> arrays;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, tensor, as_i64] = tensors[i];
    const auto* const type =
        std::ranges::find(detail::safetensors_types, tensor.dtype(), &detail::SafetensorsType::dtype);
    arrays.push_back({name, type->name, tensor.shape(), {tensor.bytes(), tensor.type().bytes()}});
    if (!as_i64) continue;
    integers[i] = rounded(tensor);
    arrays.back().dtype = "I64";
    arrays.back().bytes = std::as_bytes(std::span{integers[i]});
  }
  auto texts = metadata;
  texts[detail::checksum_key] = fmt::format("{}{}", detail::checksum_algorithm, detail::no_checksum);
  auto header = header_of(arrays, texts);
  enter_checksum(header, arrays);
  std::vector<std::span<const std::byte>> parts{std::as_bytes(std::span{header})};
  for (const auto& array : arrays) parts.push_back(array.bytes);
  write_file(path, parts);
}

}  // namespace keel
