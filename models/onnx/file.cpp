#include "keel/models/onnx/file.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <fstream>
#include <limits>
#include <utility>

#include "keel/runtime/error.hpp"

namespace keel::onnx {
namespace {

namespace fs = std::filesystem;

struct Row {
  std::string_view name;
  std::size_t bytes;  // an element
};

// By number.
constexpr std::array rows{Row{"undefined", 0}, Row{"float", 4}, Row{"uint8", 1},   Row{"int8", 1},
                          Row{"uint16", 2},    Row{"int16", 2}, Row{"int32", 4},   Row{"int64", 8},
                          Row{"string", 0},    Row{"bool", 1},  Row{"float16", 2}, Row{"double", 8},
                          Row{"uint32", 4},    Row{"uint64", 8}};

bool is_known(Element element) {
  return std::cmp_greater_equal(static_cast<std::int32_t>(element), 0) &&
         std::cmp_less(static_cast<std::int32_t>(element), rows.size());
}

}  // namespace

std::string name_of(Element element) {
  if (!is_known(element)) return fmt::format("element type {}", static_cast<std::int32_t>(element));
  return std::string{rows.at(static_cast<std::size_t>(element)).name};
}

std::size_t size_of(Element element) {
  return is_known(element) ? rows.at(static_cast<std::size_t>(element)).bytes : 0;
}

double shortest(float number) {
  std::array<char, 64> text{};
  const auto* end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  double result = number;
  std::from_chars(text.data(), end, result);
  return result;
}

void fail_to_read(const fs::path& path, std::string_view why) {
  throw Error{fmt::format("{} can't be loaded: {}", path.string(), why)};
}

void require_writable(std::uint64_t bytes) {
  constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
  if (bytes <= most) return;
  throw Error{fmt::format(
      "a model can't be exported: an ONNX file of it would take {} bytes or more, and may have no more than {}; "
      "keep its weights in a safetensors file instead",
      bytes, most)};
}

std::int64_t elements_of(const std::vector<std::int64_t>& extents, std::string_view name,
                         const fs::path& path) {
  constexpr std::int64_t most = std::int64_t{1} << 40;
  std::int64_t product = 1;
  bool is_empty = false;
  for (const auto extent : extents) {
    if (extent < 0) fail_to_read(path, fmt::format("array '{}' has a negative extent, {}", name, extent));
    is_empty = is_empty || extent == 0;
    if (extent > 0 && product > most / extent)
      fail_to_read(path, fmt::format("array '{}' has more elements than any file holds", name));
    product *= extent > 0 ? extent : 1;
  }
  return is_empty ? 0 : product;
}

std::string read_elsewhere(const fs::path& path, std::string_view name, const Elsewhere& where) {
  const auto fail = [&](std::string_view why) {
    fail_to_read(path, fmt::format("the values of array '{}' lie in '{}', {}", name, where.location, why));
  };
  const fs::path relative{where.location};
  bool leaves = relative.empty() || relative.is_absolute() || where.location.find('\0') != std::string::npos;
  for (const auto& part : relative) leaves = leaves || part == "..";
  if (leaves) fail("which is not a file in the folder of the network");
  std::error_code error;
  const auto folder = fs::canonical(path.has_parent_path() ? path.parent_path() : ".", error);
  const auto file = error ? fs::path{} : fs::canonical(folder / relative, error);
  if (error || !fs::is_regular_file(file, error)) fail("which is not there");
  const auto inside = file.lexically_relative(folder);
  if (inside.empty() || *inside.begin() == "..") fail("which is a link out of the folder of the network");
  const auto number = [&](const std::string& text) {
    std::uint64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size())
      fail(fmt::format("at or up to '{}', which is not a number of bytes", text));
    return value;
  };
  const auto offset = number(where.offset);
  if (number(where.length) != where.bytes)
    fail(fmt::format("where there are {} bytes of them, not the {} of its shape", where.length, where.bytes));
  const auto size = fs::file_size(file, error);
  if (error || offset > size || size - offset < where.bytes) {
    fail(fmt::format("which is shorter than the {} bytes from byte {} on that it should have", where.bytes,
                     offset));
  }
  std::string bytes(where.bytes, '\0');
  std::ifstream stream{file, std::ios::binary};
  stream.seekg(static_cast<std::streamoff>(offset));
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!stream) fail("which can't be read");
  return bytes;
}

}  // namespace keel::onnx
