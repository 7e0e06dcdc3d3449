#include "keel/tools/data/npy_header.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "keel/tools/system/refuse.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::uint8_t>;

constexpr std::string_view npy_magic = "\x93NUMPY";
constexpr std::size_t longest_npy_header = longest_npy_start - 12;  // as NumPy has it
constexpr std::size_t most_npy_axes = 32;                           // as NumPy has it

/// Reads the Python dictionary of a header: literal strings, True, False and tuples of whole numbers.
class NpyDictionary {
 public:
  NpyDictionary(const fs::path& name, std::string_view text) : name_(name), rest_(text) {}

  void read_into(NpyHeader& header) {
    expect('{', "a dictionary");
    while (!take('}')) {
      read_entry(header);
      if (take(',')) continue;
      expect('}', "a comma or the end of the dictionary");
      break;
    }
    skip_space();
    if (!rest_.empty()) fail("nothing more");
    for (const auto& [key, found] : {std::pair{"descr", !type_.empty()},
                                     std::pair{"fortran_order", has_order_}, std::pair{"shape", has_shape_}})
      if (!found) refuse(name_, "is damaged: its header lacks '{}'", key);
    set_type(header);
  }

 private:
  [[noreturn]] void fail(std::string_view expected) const {
    std::string where{rest_.substr(0, 20)};
    for (auto& c : where)
      if (c < ' ' || c > '~') c = '?';
    refuse(name_, "is damaged: its header should have {} at \"{}\"", expected, where);
  }

  void skip_space() {
    const auto begin = std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size());
    rest_.remove_prefix(begin);
  }

  bool take(char c) {
    skip_space();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool take_word(std::string_view word) {
    skip_space();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  void expect(char c, std::string_view what) {
    if (!take(c)) fail(what);
  }

  std::string_view read_string() {
    skip_space();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) fail("a string");
    const auto end = rest_.find(rest_[0], 1);
    const auto text = end == rest_.npos ? rest_ : rest_.substr(1, end - 1);
    if (end == rest_.npos || text.find('\\') != text.npos) fail("a plain string");
    rest_.remove_prefix(end + 1);
    return text;
  }

  std::uint64_t read_number() {
    skip_space();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc{}) fail("a whole number below 2^64");
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    if (rest_.starts_with('L')) rest_.remove_prefix(1);  // as Python 2 wrote them
    return value;
  }

  std::vector<std::uint64_t> read_tuple() {
    expect('(', "a tuple");
    std::vector<std::uint64_t> values;
    while (!take(')')) {
      if (values.size() == most_npy_axes)
        refuse(name_, "is damaged: its shape has more than {} axes", most_npy_axes);
      values.push_back(read_number());
      if (take(',')) continue;
      if (values.size() == 1) fail("a comma, as in a tuple of one");
      expect(')', "a comma or the end of the tuple");
      break;
    }
    return values;
  }

  void read_entry(NpyHeader& header) {
    const auto key = read_string();
    expect(':', "a colon");
    const auto once = [&](bool found) {
      if (found) refuse(name_, "is damaged: its header has '{}' twice", key);
      return true;
    };
    if (key == "descr") {
      once(!type_.empty());
      skip_space();
      if (rest_.starts_with('[')) refuse(name_, "is an array of structures, not of numbers");
      type_ = read_string();
      if (type_.empty()) fail("a type");
    } else if (key == "fortran_order") {
      has_order_ = once(has_order_);
      header.fortran_order = take_word("True");
      if (!header.fortran_order && !take_word("False")) fail("True or False");
    } else if (key == "shape") {
      has_shape_ = once(has_shape_);
      header.shape = read_tuple();
    } else {
      refuse(name_, "is damaged: its header has an unknown entry of {} characters", key.size());
    }
  }

  // "<f4", "|u1": order, kind, bytes.
  void set_type(NpyHeader& header) const {
    if (type_ == "|O" || type_ == "O")
      refuse(name_, "is an array of Python objects, which are never read; save it with a type of numbers");
    const bool shaped =
        type_.size() == 3 && std::string_view{"<>|="}.find(type_[0]) != std::string_view::npos;
    const auto width = shaped ? static_cast<std::size_t>(type_[2] - '0') : 0;
    const bool integer = shaped && (type_[1] == 'u' || type_[1] == 'i') &&
                         std::ranges::count(std::array{1, 2, 4, 8}, static_cast<int>(width)) > 0;
    const bool real = shaped && type_[1] == 'f' && (width == 4 || width == 8);
    if ((!integer && !real) || (type_[0] == '|' && width > 1)) {
      std::string type{type_.substr(0, 20)};
      for (auto& c : type)
        if (c < ' ' || c > '~') c = '?';
      refuse(name_, "has elements of type '{}', where integers, 32- and 64-bit floats are read", type);
    }
    header.kind = type_[1];
    header.width = width;
    header.big_endian = type_[0] == '>';
  }

  const fs::path& name_;
  std::string_view rest_;
  std::string_view type_;
  bool has_order_ = false;
  bool has_shape_ = false;
};

std::uint64_t npy_number(Bytes bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

/// The text of the header, and where it ends.
std::string_view npy_header_text(const fs::path& name, Bytes content) {
  constexpr std::size_t versions_end = 8;
  const std::string_view all{reinterpret_cast<const char*>(content.data()), content.size()};
  if (!all.starts_with(npy_magic)) refuse(name, "is not a NumPy array (.npy): it does not begin as one");
  const auto ends_early = [&] { refuse(name, "is cut short: it ends within its header"); };
  if (content.size() < versions_end) ends_early();
  const int version = content[6];
  if (version < 1 || version > 3 || content[7] != 0)
    refuse(name, "has version {}.{} of NumPy's format, where 1.0, 2.0 and 3.0 are read", version, content[7]);
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  if (content.size() < versions_end + length_bytes) ends_early();
  const auto length = npy_number(content.subspan(versions_end, length_bytes));
  if (length > longest_npy_header)
    refuse(name, "has a header of {} bytes, where {} are the most that are read", length, longest_npy_header);
  if (length > content.size() - versions_end - length_bytes) ends_early();
  return all.substr(versions_end + length_bytes, static_cast<std::size_t>(length));
}

/// The product of the shape and `width`, if it fits.
std::optional<std::uint64_t> bytes_of(const NpyHeader& header) {
  std::uint64_t product = header.width;
  if (std::ranges::count(header.shape, 0U) > 0) return 0;
  for (const auto extent : header.shape) {
    if (product > std::numeric_limits<std::uint64_t>::max() / extent) return std::nullopt;
    product *= extent;
  }
  return product;
}

}  // namespace

std::string NpyHeader::text() const {
  return fmt::format("('{}{}{}', ({}{}))",
                     width == 1   ? '|'
                     : big_endian ? '>'
                                  : '<',
                     kind, width, fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

NpyHeader read_npy_header(const fs::path& name, Bytes content, std::uint64_t file_size) {
  const auto text = npy_header_text(name, content);
  NpyHeader header;
  NpyDictionary{name, text}.read_into(header);
  header.data_offset =
      static_cast<std::size_t>(reinterpret_cast<const std::uint8_t*>(text.data()) - content.data()) +
      text.size();
  const auto found = file_size - header.data_offset;
  const auto expected = bytes_of(header);
  if (!expected || *expected > found) {
    refuse(name, "is cut short or has a bad header: it announces {}, but {} bytes follow", header.text(),
           found);
  }
  if (*expected < found)
    refuse(name, "goes on for {} bytes after the {} that its header announces", found - *expected,
           header.text());
  header.elements = *expected / header.width;
  return header;
}

}  // namespace keel::tools
