#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace keel::tools {

/// A grey picture of 8 bits a pixel.
struct GreyImage {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> pixels;  ///< height * width, row by row, 0 black to 255 white
};

/// The most pixels of a PNG file that is read: several times those of a telephone's photograph.
inline constexpr std::int64_t most_png_pixels = 100'000'000;

/// Reads any PNG file (ISO/IEC 15948) as a grey picture: grey, colour or palette, of 1 to 16 bits, with or
/// without transparency, interlaced or not.
///
/// Stored values are taken as they are: chunks on gamma and colour spaces change nothing, so the bytes of an
/// 8-bit grey file come out unchanged. 1, 2 and 4 bits are spread over 0 to 255; of 16 bits the nearest of
/// 256 levels is taken, once, after all else. Colour becomes its luma by Rec. 601, 0.299 R + 0.587 G +
/// 0.114 B. What is transparent lies on white, as on paper.
///
/// Throws DataError, naming the file and the fault, if it is missing, empty, a folder, a device or a pipe,
/// not a PNG file, damaged (checksums are verified in all chunks), cut short, followed by other bytes, an
/// animation (APNG), or has no pixels or more than `most_png_pixels`. Sizes in its header are never trusted
/// with an allocation that the rest of the file does not justify.
GreyImage read_png(const std::filesystem::path& path);

/// The same for what would be the content of a file; errors call it `name`.
GreyImage decode_png(const std::filesystem::path& name, std::span<const std::uint8_t> content);

/// Whether `content` starts like a PNG file, by its first eight bytes.
bool starts_like_png(std::span<const std::uint8_t> content);

/// The picture as a PNG file of 8-bit grey, without a time: the same picture, libpng and zlib give the same
/// bytes. Throws Error for a picture without pixels or with another number of them than its size says.
std::string encode_png(const GreyImage& image);

/// Writes `encode_png(image)` whole or not at all, as `write_file` does. Throws Error, naming the file, if it
/// can't be written.
void write_png(const std::filesystem::path& path, const GreyImage& image);

}  // namespace keel::tools
