#include "keel/tools/data/gzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "keel/tools/system/refuse.hpp"
#include "keel/tools/system/regular_file.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

constexpr int gzip_format = 15 + 16;  // windowBits: the largest window, a gzip header and checksum

std::string last_system_error() {
  return std::generic_category().message(errno);
}

bool starts_gzip(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;
}

std::string_view explain(std::string_view zlib_message) {
  if (zlib_message == "incorrect data check") return "its checksum does not match its content";
  if (zlib_message == "incorrect length check") return "its length does not match its content";
  return zlib_message;
}

/// As much of `count` as zlib takes in one call.
uInt one_call(std::size_t count) {
  return static_cast<uInt>(std::min<std::size_t>(count, std::numeric_limits<uInt>::max()));
}

/// Packs bytes that come piece by piece.
class Deflate {
 public:
  Deflate() {
    constexpr int memory = 8;  // zlib's default
    if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_format, memory, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
      throw std::bad_alloc{};
    }
  }
  ~Deflate() { deflateEnd(&stream_); }
  Deflate(const Deflate&) = delete;  // zlib keeps the address of the stream
  Deflate& operator=(const Deflate&) = delete;

  void add(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      stream_.next_in = bytes.data();
      stream_.avail_in = one_call(bytes.size());
      bytes = bytes.subspan(stream_.avail_in);
      while (stream_.avail_in > 0) deflate_some(Z_NO_FLUSH);
    }
  }

  std::string finish() {
    while (deflate_some(Z_FINISH) != Z_STREAM_END) continue;
    return std::move(packed_);
  }

 private:
  int deflate_some(int flush) {
    std::array<char, std::size_t{1} << 16> out;  // NOLINT(*-init-variables): zlib fills it
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = out.size();
    const int status = deflate(&stream_, flush);
    packed_.append(out.data(), out.size() - stream_.avail_out);
    return status;
  }

  z_stream stream_{};
  std::string packed_;
};

}  // namespace

/// A file, read through a window onto the bytes that come next.
class UnpackedFile::File {
 public:
  explicit File(fs::path path) : path_(std::move(path)), window_(std::size_t{1} << 16) {
    auto opened = open_regular_file(path_);
    file_ = std::move(opened.file);
    size_ = opened.size;
  }

  /// A file that is in memory, all of it in the window.
  File(fs::path name, std::string_view content)
      : path_(std::move(name)),
        size_(content.size()),
        window_(content.begin(), content.end()),
        end_(content.size()) {}

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
    if (!file_) return;
    std::memmove(window_.data(), window_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
    end_ += std::fread(window_.data() + end_, 1, window_.size() - end_, file_.get());
    if (std::ferror(file_.get()) != 0) refuse(path_, "can't be read: {}", last_system_error());
  }

  fs::path path_;
  std::unique_ptr<std::FILE, CloseFile> file_;  // none if the content is in memory
  std::uint64_t size_ = 0;
  std::vector<std::uint8_t> window_;
  std::size_t begin_ = 0;  // what is left of the window
  std::size_t end_ = 0;
};

/// Unpacks a gzip file: one member, or several in a row (RFC 1952), and nothing else. zlib's gzread is not
/// used since it passes over an early end and over bytes after the last member.
class UnpackedFile::Gunzip {
 public:
  Gunzip() {
    if (inflateInit2(&stream_, gzip_format) != Z_OK) throw std::bad_alloc{};
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
    if (!starts_gzip(next))
      refuse(file.path(), "has stray bytes after its gzip data, first {:#04x}", next[0]);
    inflateReset(&stream_);
    return inside_member_ = true;
  }

  std::size_t inflate_some(File& file, std::span<std::uint8_t> out) {
    const auto in = file.peek(1);
    if (in.empty())
      refuse(file.path(), "is an incomplete gzip file, of {} bytes; fetch it again", file.size());
    const auto offered = one_call(in.size());
    const auto room = one_call(out.size());
    stream_.next_in = in.data();
    stream_.avail_in = offered;
    stream_.next_out = out.data();
    stream_.avail_out = room;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    if (status == Z_MEM_ERROR) throw std::bad_alloc{};
    if (status != Z_OK && status != Z_STREAM_END) {
      refuse(file.path(), "is a damaged gzip file ({}); fetch it again",
             explain(stream_.msg ? stream_.msg : "bad data"));
    }
    file.skip(offered - stream_.avail_in);
    inside_member_ = status != Z_STREAM_END;
    return room - stream_.avail_out;
  }

  z_stream stream_{};
  bool inside_member_ = false;
};

UnpackedFile::UnpackedFile(std::unique_ptr<File> file) : file_(std::move(file)) {
  const auto start = file_->peek(2);
  if (start.empty()) refuse(path(), "is empty; fetch it again");
  if (starts_gzip(start)) gunzip_ = std::make_unique<Gunzip>();
}

UnpackedFile::UnpackedFile(const fs::path& path) : UnpackedFile(std::make_unique<File>(path)) {}

UnpackedFile::UnpackedFile(const fs::path& name, std::string_view content)
    : UnpackedFile(std::make_unique<File>(name, content)) {}

UnpackedFile::~UnpackedFile() = default;

const fs::path& UnpackedFile::path() const {
  return file_->path();
}

bool UnpackedFile::is_gzip() const {
  return gunzip_ != nullptr;
}

// Deflate spends two bits or more on a match, which gives 258 bytes or less.
std::uint64_t UnpackedFile::bound() const {
  return is_gzip() ? file_->size() * 1032 : file_->size();
}

std::size_t UnpackedFile::read(std::span<std::uint8_t> out) {
  return gunzip_ ? gunzip_->read(*file_, out) : file_->read(out);
}

std::string gzip(std::initializer_list<std::span<const std::uint8_t>> parts) {
  Deflate deflate;
  for (const auto part : parts) deflate.add(part);
  return deflate.finish();
}

}  // namespace keel::tools
