#include "keel/tools/idx.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

template <class... Args>
[[noreturn]] void fail(const fs::path& path, fmt::format_string<Args...> text, Args&&... args) {
  throw DataError(fmt::format("'{}' {}", path.string(), fmt::format(text, std::forward<Args>(args)...)));
}

std::string last_system_error() {
  return std::generic_category().message(errno);
}

/// An open file, read through a window onto the bytes that come next.
class File {
 public:
  explicit File(fs::path path) : path_(std::move(path)), window_(std::size_t{1} << 16) {
    std::error_code error;
    const auto status = fs::status(path_, error);
    if (status.type() == fs::file_type::not_found) fail(path_, "does not exist");
    if (error) fail(path_, "can't be opened: {}", error.message());
    if (fs::is_directory(status)) fail(path_, "is a folder, not an IDX file");
    if (!fs::is_regular_file(status)) fail(path_, "is a device or a pipe, not a regular file");
    size_ = fs::file_size(path_, error);
    if (error) fail(path_, "can't be opened: {}", error.message());
    file_.reset(std::fopen(path_.c_str(), "rb"));
    if (!file_) fail(path_, "can't be opened: {}", last_system_error());
  }

  [[nodiscard]] const fs::path& path() const { return path_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// The bytes that come next: `count` or more, fewer only at the end of the file.
  std::span<const std::uint8_t> peek(std::size_t count) {
    if (end_ - begin_ < count) refill();
    return std::span{window_}.subspan(begin_, end_ - begin_);
  }

  void skip(std::size_t count) { begin_ += count; }

  /// Fills `out` as far as the file goes and returns how far that was.
  std::size_t read(std::span<std::uint8_t> out) {
    std::size_t done = 0;
    while (done < out.size()) {
      const auto next = peek(1);
      if (next.empty()) break;
      const auto count = std::min(next.size(), out.size() - done);
      std::ranges::copy(next.first(count), out.subspan(done).begin());
      skip(count);
      done += count;
    }
    return done;
  }

 private:
  void refill() {
    std::memmove(window_.data(), window_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
    end_ += std::fread(window_.data() + end_, 1, window_.size() - end_, file_.get());
    if (std::ferror(file_.get()) != 0) fail(path_, "can't be read: {}", last_system_error());
  }

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  fs::path path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t size_ = 0;
  std::vector<std::uint8_t> window_;
  std::size_t begin_ = 0;  // what is left of the window
  std::size_t end_ = 0;
};

bool starts_gzip(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;
}

std::string_view explain(std::string_view zlib_message) {
  if (zlib_message == "incorrect data check") return "its checksum does not match its content";
  if (zlib_message == "incorrect length check") return "its length does not match its content";
  return zlib_message;
}

/// Unpacks a gzip file: one member, or several in a row (RFC 1952), and nothing else. zlib's gzread is not
/// used since it passes over an early end and over bytes after the last member.
class Gunzip {
 public:
  Gunzip() {
    if (inflateInit2(&stream_, gzip_only) != Z_OK) throw std::bad_alloc{};
  }
  ~Gunzip() { inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;  // zlib keeps the address of the stream
  Gunzip& operator=(const Gunzip&) = delete;

  /// Fills `out` as far as the content goes and returns how far that was. The checksum of the content is
  /// verified when a call reaches its end, that is when one returns less than asked for.
  std::size_t read(File& file, std::span<std::uint8_t> out) {
    std::size_t done = 0;
    while (done < out.size() && (inside_member_ || enter_member(file)))
      done += inflate_some(file, out.subspan(done));
    return done;
  }

 private:
  bool enter_member(File& file) {
    const auto next = file.peek(2);
    if (next.empty()) return false;
    if (!starts_gzip(next)) fail(file.path(), "has stray bytes after its gzip data, first {:#04x}", next[0]);
    inflateReset(&stream_);
    return inside_member_ = true;
  }

  std::size_t inflate_some(File& file, std::span<std::uint8_t> out) {
    const auto in = file.peek(1);
    if (in.empty()) fail(file.path(), "is an incomplete gzip file, of {} bytes; fetch it again", file.size());
    stream_.next_in = const_cast<Bytef*>(in.data());  // zlib only reads there
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = out.data();
    const auto room = static_cast<uInt>(std::min<std::size_t>(out.size(), std::numeric_limits<uInt>::max()));
    stream_.avail_out = room;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    if (status == Z_MEM_ERROR) throw std::bad_alloc{};
    if (status != Z_OK && status != Z_STREAM_END) {
      fail(file.path(), "is a damaged gzip file ({}); fetch it again",
           explain(stream_.msg ? stream_.msg : "bad data"));
    }
    file.skip(in.size() - stream_.avail_in);
    inside_member_ = status != Z_STREAM_END;
    return room - stream_.avail_out;
  }

  static constexpr int gzip_only = 15 + 16;  // windowBits: the largest window, a gzip header and checksum
  z_stream stream_{};
  bool inside_member_ = false;
};

/// What a file holds, unpacked if it is gzipped.
class Content {
 public:
  explicit Content(const fs::path& path) : file_(path) {
    const auto start = file_.peek(2);
    if (start.empty()) fail(path, "is empty; fetch it again");
    if (starts_gzip(start)) gunzip_.emplace();
  }

  [[nodiscard]] const fs::path& path() const { return file_.path(); }
  [[nodiscard]] bool is_gzip() const { return gunzip_.has_value(); }
  /// The length of the content; for gzip, which is known only once it is read, an upper bound: deflate spends
  /// two bits or more on a match, which gives 258 bytes or less.
  [[nodiscard]] std::uint64_t bound() const { return is_gzip() ? file_.size() * 1032 : file_.size(); }

  std::size_t read(std::span<std::uint8_t> out) {
    return gunzip_ ? gunzip_->read(file_, out) : file_.read(out);
  }

 private:
  File file_;
  std::optional<Gunzip> gunzip_;
};

/// What a file must hold, with the magic number that says so: 0x08 for unsigned bytes, then the number of
/// sizes.
enum class Kind : std::uint32_t { labels = 0x801, images = 0x803 };

std::string_view name(Kind kind) {
  return kind == Kind::images ? "images" : "labels";
}

std::string_view element_type(std::uint32_t code) {
  constexpr std::array<std::string_view, 7> types{"unsigned bytes",  "signed bytes",    "",
                                                  "16-bit integers", "32-bit integers", "32-bit floats",
                                                  "64-bit floats"};
  return code >= 0x08 && code - 0x08 < types.size() ? types[code - 0x08] : "";
}

std::uint32_t read_big_endian(Content& content) {
  std::array<std::uint8_t, 4> bytes{};
  if (content.read(bytes) < bytes.size()) fail(content.path(), "ends within its IDX header; fetch it again");
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
         bytes[3];
}

void check_magic(const fs::path& path, std::uint32_t found, Kind kind) {
  const auto expected = static_cast<std::uint32_t>(kind);
  if (found == expected) return;
  const auto numbers = fmt::format("(magic number {:#010x}, expected {:#010x})", found, expected);
  const Kind other = kind == Kind::images ? Kind::labels : Kind::images;
  if (found == static_cast<std::uint32_t>(other)) {
    fail(path, "holds {}, not {} {}; are two files swapped?", name(other), name(kind), numbers);
  }
  const auto type = element_type(found >> 8);
  if (type.empty()) fail(path, "is not an IDX file of {} {}", name(kind), numbers);
  fail(path, "is a {}-dimensional array of {}, where {} are a {}-dimensional one of unsigned bytes {}",
       found & 0xFF, type, name(kind), expected & 0xFF, numbers);
}

/// The product of `sizes`, unless it exceeds `bound`.
std::optional<std::uint64_t> product_within(std::span<const std::uint32_t> sizes, std::uint64_t bound) {
  std::uint64_t product = 1;
  for (const auto size : sizes) {
    if (product > bound / size) return std::nullopt;
    product *= size;
  }
  return product;
}

/// An array of bytes with its sizes, as an IDX file holds it.
struct Array {
  std::vector<std::uint32_t> sizes;
  std::vector<std::uint8_t> data;
};

/// Reads `length` bytes and makes sure that nothing follows. Memory grows with what was really read.
std::vector<std::uint8_t> read_data(Content& content, std::uint64_t length, std::string_view sizes) {
  std::vector<std::uint8_t> data;
  std::size_t found = 0;
  while (found < length && found == data.size()) {
    const auto next_size = std::max<std::size_t>(2 * found, std::size_t{1} << 20);
    data.resize(static_cast<std::size_t>(std::min<std::uint64_t>(length, next_size)));
    found += content.read(std::span{data}.subspan(found));
  }
  if (found < length) {
    fail(content.path(), "is cut short: its header announces {} bytes of data, but {} follow; fetch it again",
         sizes, found);
  }
  // Read to the very end, since damaged gzip can look too long until its checksum tells.
  std::array<std::uint8_t, 4096> rest;
  std::uint64_t extra = 0;
  while (const auto count = content.read(rest)) extra += count;
  if (extra > 0)
    fail(content.path(), "goes on for {} bytes after the {} that its header announces", extra, sizes);
  return data;
}

Array read_idx(const fs::path& path, Kind kind) {
  Content content{path};
  check_magic(path, read_big_endian(content), kind);
  Array array;
  const auto dimensions = static_cast<std::uint32_t>(kind) & 0xFF;
  for (std::uint32_t i = 0; i < dimensions; ++i) array.sizes.push_back(read_big_endian(content));

  const auto sizes = fmt::format("{}", fmt::join(array.sizes, " x "));
  if (std::ranges::count(array.sizes, 0U) > 0) fail(path, "holds no data: its sizes are {}", sizes);
  const auto room = content.bound() - std::min<std::uint64_t>(content.bound(), 4 + 4 * dimensions);
  const auto length = product_within(array.sizes, room);
  if (!length) {
    fail(path, "is cut short or has a bad header: it announces {} bytes of data, but {} {}; fetch it again",
         sizes, content.is_gzip() ? "can't hold more than" : "holds", room);
  }
  array.data = read_data(content, *length, sizes);
  return array;
}

}  // namespace

ImageSet read_idx_pair(const fs::path& images, const fs::path& labels) {
  auto pixels = read_idx(images, Kind::images);
  auto classes = read_idx(labels, Kind::labels);
  if (pixels.sizes[0] != classes.sizes[0]) {
    fail(images, "holds {} images, but '{}' holds {} labels; they don't belong together", pixels.sizes[0],
         labels.string(), classes.sizes[0]);
  }
  return {.height = pixels.sizes[1],
          .width = pixels.sizes[2],
          .pixels = std::move(pixels.data),
          .labels = std::move(classes.data)};
}

}  // namespace keel::tools
