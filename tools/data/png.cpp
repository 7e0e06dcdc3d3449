#include "keel/tools/data/png.hpp"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <limits>
#include <new>
#include <string_view>
#include <type_traits>

#include "keel/runtime/write_file.hpp"
#include "keel/tools/data/png_chunks.hpp"
#include "keel/tools/system/refuse.hpp"
#include "keel/tools/system/regular_file.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::uint8_t>;

constexpr std::uint64_t most_png_bytes = std::uint64_t{1} << 30;

// What libpng reads from, and what it says when it gives up.
struct PngSource {
  Bytes rest;
  std::array<char, 100> fault{};
};

void keep_fault(png_structp png, png_const_charp message) {
  auto& fault = static_cast<PngSource*>(png_get_error_ptr(png))->fault;
  std::strncpy(fault.data(), message, fault.size() - 1);
  png_longjmp(png, 1);
}

void pass_over_warning(png_structp /*png*/, png_const_charp /*message*/) {}

void read_from_memory(png_structp png, png_bytep out, std::size_t count) {
  auto& rest = static_cast<PngSource*>(png_get_io_ptr(png))->rest;
  if (count > rest.size()) png_error(png, "it ends too early");
  std::memcpy(out, rest.data(), count);
  rest = rest.subspan(count);
}

/// Of rows as libpng hands them out, 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
struct PixelFormat {
  int channels;
  int depth;  // 8 or 16
};

/// Samples of 8 bits, or of 16 in the order of the file.
template <class Sample>
std::uint64_t sample_at(const std::uint8_t* row, std::size_t i) {
  if constexpr (sizeof(Sample) == 1) return row[i];
  return std::uint64_t{row[2 * i]} << 8 | row[2 * i + 1];
}

/// The grey level of pixel `i` of a row, rounded once.
template <class Sample>
std::uint8_t grey_level(const std::uint8_t* row, std::size_t i, int channels) {
  constexpr std::uint64_t white = std::numeric_limits<Sample>::max();
  const auto first = i * static_cast<std::size_t>(channels);
  const auto at = [&](int channel) {
    return sample_at<Sample>(row, first + static_cast<std::size_t>(channel));
  };
  const auto thousandfold = channels < 3 ? 1000 * at(0) : 299 * at(0) + 587 * at(1) + 114 * at(2);
  const auto alpha = channels % 2 == 0 ? at(channels - 1) : white;
  const auto on_white = thousandfold * alpha + 1000 * white * (white - alpha);
  constexpr auto whole = 1000 * white * white;
  return static_cast<std::uint8_t>((255 * on_white + whole / 2) / whole);
}

/// The picture's pixels that a pass of Adam7 holds, or all.
struct PngPass {
  std::uint32_t first_row = 0, row_step = 1, rows;
  std::uint32_t first_column = 0, column_step = 1, columns;
};

/// Puts a row's grey levels where they belong.
void place_row(const std::uint8_t* row, const PixelFormat& format, const PngPass& pass, std::uint8_t* out) {
  const auto levels = [&](auto level) {
    for (std::uint32_t i = 0; i < pass.columns; ++i)
      out[pass.first_column + std::size_t{i} * pass.column_step] = level(row, i, format.channels);
  };
  format.depth == 8 ? levels(grey_level<std::uint8_t>) : levels(grey_level<std::uint16_t>);
}

/// libpng's two structures for reading. It reports a fault by a jump back into `attempt`.
class PngReader {
 public:
  explicit PngReader(Bytes content)
      : source_{.rest = content},
        png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, &source_, keep_fault, pass_over_warning)),
        info_(png_ == nullptr ? nullptr : png_create_info_struct(png_)) {
    if (info_ != nullptr) return;
    png_destroy_read_struct(&png_, nullptr, nullptr);
    throw std::bad_alloc{};
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  /// Reads up to the first pixel. False if that fails.
  bool start() {
    return attempt([this] {
      png_set_read_fn(png_, &source_, read_from_memory);
      png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);  // they have been checked
      // Of what a file may do without, only transparency is read: nothing on colour spaces, no texts.
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
      png_read_info(png_, info_);
      png_set_expand(png_);
      png_read_update_info(png_, info_);
    });
  }

  /// Reads the pixels of `header`'s size into `out`, with `row` for one row. False if that fails.
  bool read(const PngHeader& header, std::uint8_t* row, std::uint8_t* out) {
    const PixelFormat format{png_get_channels(png_, info_), png_get_bit_depth(png_, info_)};
    return attempt([this, &header, &format, row, out] {
      const int passes = header.interlaced ? PNG_INTERLACE_ADAM7_PASSES : 1;
      for (int i = 0; i < passes; ++i) read_pass(pass_of(header, i), format, header.width, row, out);
      png_read_end(png_, nullptr);
    });
  }

  [[nodiscard]] std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  [[nodiscard]] std::string_view fault() const { return source_.fault.data(); }

 private:
  // The jump must pass no destructor: none of `step`, none inside it.
  template <class Step>
  bool attempt(Step step) {
    static_assert(std::is_trivially_destructible_v<Step>);
    if (setjmp(png_jmpbuf(png_)) != 0) return false;  // NOLINT(cert-err52-cpp): libpng's way
    step();
    return true;
  }

  static PngPass pass_of(const PngHeader& header, int pass) {
    if (!header.interlaced) return {.rows = header.height, .columns = header.width};
    return {.first_row = static_cast<std::uint32_t>(PNG_PASS_START_ROW(pass)),
            .row_step = static_cast<std::uint32_t>(PNG_PASS_ROW_OFFSET(pass)),
            .rows = PNG_PASS_ROWS(header.height, pass),
            .first_column = static_cast<std::uint32_t>(PNG_PASS_START_COL(pass)),
            .column_step = static_cast<std::uint32_t>(PNG_PASS_COL_OFFSET(pass)),
            .columns = PNG_PASS_COLS(header.width, pass)};
  }

  void read_pass(const PngPass& pass, const PixelFormat& format, std::size_t width, std::uint8_t* row,
                 std::uint8_t* out) {
    if (pass.columns == 0) return;
    for (std::uint32_t i = 0; i < pass.rows; ++i) {
      png_read_row(png_, row, nullptr);
      place_row(row, format, pass, out + (pass.first_row + std::size_t{i} * pass.row_step) * width);
    }
  }

  PngSource source_;
  png_structp png_;
  png_infop info_;
};

}  // namespace

GreyImage decode_png(const fs::path& name, Bytes content) {
  const auto header = check_png_chunks(name, content);
  PngReader reader{content};
  const auto require = [&](bool ok) {
    if (!ok) refuse(name, "is a damaged PNG file ({}); fetch it again", reader.fault());
  };
  require(reader.start());
  GreyImage image{.height = header.height, .width = header.width};
  image.pixels.resize(std::size_t{header.height} * header.width);
  std::vector<std::uint8_t> row(reader.row_bytes());
  require(reader.read(header, row.data(), image.pixels.data()));
  return image;
}

GreyImage read_png(const fs::path& path) {
  return decode_png(path, read_regular_file(path, most_png_bytes));
}

std::string encode_png(const GreyImage& image) {
  constexpr std::int64_t longest = std::numeric_limits<std::int32_t>::max();
  const bool sized = image.height > 0 && image.width > 0 && image.height <= longest &&
                     image.width <= longest &&
                     static_cast<std::uint64_t>(image.height) * static_cast<std::uint64_t>(image.width) ==
                         image.pixels.size();
  if (!sized) {
    throw Error{fmt::format("a picture of {} x {} pixels with {} of them can't be written as PNG",
                            image.height, image.width, image.pixels.size())};
  }
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_GRAY;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::string content(size, '\0');
  if (png_image_write_to_memory(&png, content.data(), &size, 0, image.pixels.data(), 0, nullptr) == 0)
    throw Error{fmt::format("libpng can't write a picture of {} x {} pixels: {}", image.height, image.width,
                            static_cast<const char*>(png.message))};
  content.resize(size);
  return content;
}

void write_png(const fs::path& path, const GreyImage& image) {
  const auto content = encode_png(image);
  const std::array parts{std::as_bytes(std::span{content})};
  keel::write_file(path, parts);
}

}  // namespace keel::tools
