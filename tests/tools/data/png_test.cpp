#include "keel/tools/data/png.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "../../support/temporary_folder.hpp"
#include "keel/runtime/rng.hpp"
#include "keel/tools/system/exit_status.hpp"
#include "png_support.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;
using keel::tools::DataError;
using keel::tools::decode_png;
using keel::tools::encode_png;
using keel::tools::GreyImage;
using keel::tools::read_png;
using keel::tools::write_png;

GreyImage decode(std::string_view content) {
  return decode_png("some.png", {reinterpret_cast<const std::uint8_t*>(content.data()), content.size()});
}

std::string fault_of(std::string_view content) {
  try {
    decode(content);
    return {};
  } catch (const DataError& error) {
    return error.what();
  }
}

void check_png_fault(std::string_view content, std::string_view text) {
  const auto found = fault_of(content);
  BOOST_TEST(found.find("'some.png'") != found.npos, found);
  BOOST_TEST(found.find(text) != found.npos, fmt::format("{:?} is not in {:?}", text, found));
}

double expected_level(const Rgba& pixel) {
  const auto luma = 0.299 * pixel.red + 0.587 * pixel.green + 0.114 * pixel.blue;
  return 255 * (luma * pixel.alpha + 1 - pixel.alpha);
}

std::string describe(const PngKind& kind) {
  return fmt::format("type {}, {} bits{}{}, {} x {}", kind.colour_type, kind.depth,
                     kind.interlaced ? ", interlaced" : "", kind.transparency ? ", tRNS" : "", kind.height,
                     kind.width);
}

// The nearest level; of two that are as near, either.
void check_levels(const PngKind& kind, const MadePng& made) {
  const auto image = decode(made.content);
  BOOST_TEST_REQUIRE(image.height == kind.height, describe(kind));
  BOOST_TEST_REQUIRE(image.width == kind.width, describe(kind));
  BOOST_TEST_REQUIRE(image.pixels.size() == made.pixels.size(), describe(kind));
  double worst = 0;
  for (std::size_t i = 0; i < made.pixels.size(); ++i)
    worst = std::max(worst, std::abs(image.pixels[i] - expected_level(made.pixels[i])));
  BOOST_TEST(worst <= 0.5 + 1e-9, describe(kind) << ": off by " << worst);
}

std::vector<PngKind> all_kinds() {
  std::vector<PngKind> kinds;
  for (const bool interlaced : {false, true}) {
    for (const int depth : {1, 2, 4, 8, 16}) {
      for (const int type : {0, 2, 3, 4, 6}) {
        if ((type == 3 && depth == 16) || (type != 0 && type != 3 && depth < 8)) continue;
        kinds.push_back({.colour_type = type, .depth = depth, .interlaced = interlaced});
        if (type < 4)
          kinds.push_back(
              {.colour_type = type, .depth = depth, .interlaced = interlaced, .transparency = true});
      }
    }
  }
  return kinds;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(png_test)

BOOST_AUTO_TEST_CASE(every_kind_of_png_is_read) {
  std::uint64_t seed = 0;
  for (auto kind : all_kinds()) {
    check_levels(kind, make_png(kind, ++seed));
    kind.height = 40, kind.width = 33;
    check_levels(kind, make_png(kind, ++seed));
  }
  BOOST_TEST(seed == 2 * 2 * 26);
}

// Where passes of Adam7 have no rows or no columns.
BOOST_AUTO_TEST_CASE(interlaced_pictures_of_all_small_sizes_are_read) {
  for (std::uint32_t height = 1; height <= 9; ++height) {
    for (std::uint32_t width = 1; width <= 9; ++width) {
      for (const int depth : {1, 8}) {
        const PngKind kind{.depth = depth, .interlaced = true, .height = height, .width = width};
        check_levels(kind, make_png(kind, height * 10 + width));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(stored_grey_is_kept_whatever_the_file_says_of_colours) {
  GreyImage image{.height = 16, .width = 16, .pixels = {}};
  for (int i = 0; i < 256; ++i) image.pixels.push_back(static_cast<std::uint8_t>(i));
  const auto content = encode_png(image);
  BOOST_TEST((decode(content).pixels == image.pixels));
  const auto plain = make_png({.height = 16, .width = 16}, 1).content;
  const auto pixels = decode(plain).pixels;
  const auto gamma_1 = png_chunk("gAMA", std::string{"\0\1\x86\xA0", 4});
  const auto srgb = png_chunk("sRGB", std::string(1, '\0'));
  const auto background = png_chunk("bKGD", std::string{"\0\7", 2});
  const auto text = png_chunk("tEXt", "Comment" + std::string(1, '\0') + "made for a test");
  for (const auto& chunk : {gamma_1, srgb, text, background})
    BOOST_TEST((decode(with_chunk(plain, "IDAT", chunk)).pixels == pixels));
}

BOOST_AUTO_TEST_CASE(what_is_transparent_is_white) {
  const auto made = make_png({.colour_type = 4, .height = 1, .width = 400}, 3);
  const auto image = decode(made.content);
  for (std::size_t i = 0; i < 400; ++i)
    if (made.pixels[i].alpha == 0) BOOST_TEST(image.pixels[i] == 255);
  PngKind clear{.transparency = true, .height = 1, .width = 64};
  const auto levels = decode(make_png(clear, 1).content).pixels;
  BOOST_TEST(std::ranges::count(levels, 254) + std::ranges::count(levels, 255) == 64);
}

BOOST_AUTO_TEST_CASE(written_pictures_are_read_back) {
  const TemporaryFolder folder;
  keel::Rng rng{1};
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 700}, {300, 1}, {28, 28}}) {
    GreyImage image{.height = height, .width = width, .pixels = {}};
    for (int i = 0; i < height * width; ++i)
      image.pixels.push_back(static_cast<std::uint8_t>(rng.below(256)));
    const auto path = folder.path() / "written.png";
    write_png(path, image);
    const auto found = read_png(path);
    BOOST_TEST(found.height == height);
    BOOST_TEST(found.width == width);
    BOOST_TEST((found.pixels == image.pixels));
    BOOST_TEST(encode_png(found) == encode_png(image));
  }
  BOOST_TEST(std::distance(fs::directory_iterator{folder.path()}, {}) == 1);
  BOOST_CHECK_THROW(write_png(folder.path() / "missing" / "x.png", {.height = 1, .width = 1, .pixels = {0}}),
                    keel::Error);
  for (const auto& wrong : {GreyImage{}, GreyImage{.height = 2, .width = 2, .pixels = {1, 2, 3}},
                            GreyImage{.height = std::int64_t{1} << 40, .width = 1, .pixels = {}}})
    BOOST_CHECK_THROW(encode_png(wrong), keel::Error);
}

BOOST_AUTO_TEST_CASE(every_cut_is_found) {
  for (const auto& kind : {PngKind{}, PngKind{.colour_type = 3, .depth = 4, .interlaced = true}}) {
    const auto content = make_png(kind, 1).content;
    for (std::size_t length = 0; length < content.size(); ++length) {
      const auto fault = fault_of(std::string_view{content}.substr(0, length));
      BOOST_TEST(fault.find(length == 0  ? "is empty"
                            : length < 4 ? "is not a PNG file"
                                         : "is cut short") != fault.npos,
                 length << " bytes: " << fault);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_found) {
  const auto content = make_png({.colour_type = 3, .depth = 4, .transparency = true, .height = 4}, 1).content;
  for (std::size_t bit = 0; bit < 8 * content.size(); ++bit) {
    auto damaged = content;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    const auto fault = fault_of(damaged);
    BOOST_TEST(fault.starts_with("'some.png' "), "bit " << bit << ": " << fault);
  }
}

// Chunks whose checksum is right, so that libpng gets to see them.
BOOST_AUTO_TEST_CASE(faults_behind_right_checksums_are_found) {
  const auto content = make_png({}, 1).content;
  check_png_fault(with_header_byte(content, 8, 3), "damaged PNG file (Invalid IHDR data)");   // depth
  check_png_fault(with_header_byte(content, 9, 5), "damaged PNG file (Invalid IHDR data)");   // colour type
  check_png_fault(with_header_byte(content, 9, 3), "damaged PNG file");                       // no palette
  check_png_fault(with_header_byte(content, 10, 1), "damaged PNG file (Invalid IHDR data)");  // compression
  check_png_fault(with_header_byte(content, 12, 2), "damaged PNG file (Invalid IHDR data)");  // interlacing
  check_png_fault(with_header_byte(content, 3, 100), "damaged PNG file");                     // more columns
  check_png_fault(with_header_byte(content, 7, 100), "damaged PNG file");                     // more rows
  check_png_fault(with_chunk(content, "IDAT", png_chunk("ABCD", "")), "damaged PNG file");    // unknown
  const auto header = png_chunk("IHDR", content.substr(16, 13));
  check_png_fault(with_chunk(content, "IDAT", header), "damaged PNG file");  // twice
  const auto signature = content.substr(0, 8);
  check_png_fault(signature + header + png_chunk("IEND", ""), "damaged PNG file");  // no pixels
  check_png_fault(signature + header + png_chunk("IDAT", "no deflate") + png_chunk("IEND", ""),
                  "damaged PNG file");
  check_png_fault(signature + png_chunk("IEND", ""), "begins with a IEND chunk, not IHDR");
  check_png_fault(signature + png_chunk("IHDR", "short"), "IHDR chunk has 5 bytes, not 13");
}

BOOST_AUTO_TEST_CASE(sizes_are_checked_before_anything_is_allocated) {
  const auto content = make_png({}, 1).content;
  check_png_fault(with_header_byte(content, 3, 0), "has no pixels: its size is 9 x 0");
  check_png_fault(with_header_byte(content, 7, 0), "has no pixels: its size is 0 x 13");
  check_png_fault(with_header_byte(content, 0, 0x7F), "where 100000000 in all and 1000000 a side");
  check_png_fault(with_header_byte(content, 4, '\xFF'), "where 100000000 in all and 1000000 a side");
  // 12,301 x 12,301 pixels are too many, though no side is too long.
  check_png_fault(with_header_byte(with_header_byte(content, 2, 48), 6, 48), "where 100000000 in all");
  check_png_fault(with_header_byte(with_header_byte(content, 2, 30), 6, 30), "do not fit into its");
}

BOOST_AUTO_TEST_CASE(what_is_no_single_png_is_refused) {
  const auto content = make_png({}, 1).content;
  check_png_fault("", "is empty");
  check_png_fault("P5 1 1 255 x", "is not a PNG file");
  check_png_fault(std::string_view{"\xFF\xD8\xFF\xE0\0\x10JFIF", 10}, "is a JPEG file, but only PNG is read");
  check_png_fault("GIF89a", "is a GIF file, but only PNG is read");
  check_png_fault("\x89PNG\n\x1A\n and so on", "its line ends were changed");
  check_png_fault(content + "x", "goes on for 1 bytes after its end");
  check_png_fault(content + content, fmt::format("goes on for {} bytes after its end", content.size()));
  const auto animation = png_chunk("acTL", std::string{"\0\0\0\2\0\0\0\0", 8});
  check_png_fault(with_chunk(content, "IDAT", animation), "is an animation (APNG)");
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_refused_without_waiting) {
  const TemporaryFolder folder;
  const auto check = [&](const fs::path& path, std::string_view text) {
    try {
      read_png(path);
      BOOST_ERROR("no fault");
    } catch (const DataError& error) {
      BOOST_TEST(std::string_view{error.what()} == fmt::format("'{}' {}", path.string(), text));
    }
  };
  check(folder.path() / "missing.png", "does not exist");
  check(folder.path(), "is a folder, not a file");
  const auto pipe = folder.path() / "pipe.png";
  BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  check(pipe, "is a device or a pipe, not a regular file");
  check("/dev/null", "is a device or a pipe, not a regular file");
  const auto empty = folder.path() / "empty.png";
  std::ofstream{empty};
  check(empty, "is empty");
  fs::create_symlink(pipe, folder.path() / "link.png");
  check(folder.path() / "link.png", "is a device or a pipe, not a regular file");
  check(empty / "below", "does not exist");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace keel::test
