#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keel::test {

/// A PNG file to be made: its kind, and samples that are drawn at random.
struct PngKind {
  int colour_type = 0;  ///< 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha
  int depth = 8;        ///< bits a sample
  bool interlaced = false;
  bool transparency = false;  ///< a tRNS chunk: a transparent sample, RGB or palette entries
  std::uint32_t height = 9;
  std::uint32_t width = 13;
};

/// A pixel, each in 0 to 1.
struct Rgba {
  double red = 0, green = 0, blue = 0, alpha = 1;
};

/// A PNG file as libpng writes it, and what its pixels are.
struct MadePng {
  std::string content;
  std::vector<Rgba> pixels;
};

/// Draws a picture from `seed` and has libpng write it.
MadePng make_png(const PngKind& kind, std::uint64_t seed);

/// A chunk with its length and checksum.
std::string png_chunk(const std::string& name, const std::string& data);

/// The file with `chunk` before its chunk `name`.
std::string with_chunk(const std::string& content, const std::string& name, const std::string& chunk);

/// The file with this IHDR chunk data changed at `at`, its checksum made right again.
std::string with_header_byte(std::string content, std::size_t at, char value);

}  // namespace keel::test
