#include "png_support.hpp"

#include <png.h>
#include <zlib.h>

#include <array>
#include <cmath>
#include <stdexcept>

#include "keel/runtime/rng.hpp"

namespace keel::test {
namespace {

[[noreturn]] void fail(png_structp, png_const_charp message) {
  throw std::runtime_error{message};  // a test ends with it, whatever happens to libpng's memory
}

void append(png_structp png, png_bytep bytes, std::size_t count) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<const char*>(bytes), count);
}

int channels_of(int colour_type) {
  constexpr std::array<int, 7> channels{1, 0, 3, 1, 2, 0, 4};
  return channels.at(static_cast<std::size_t>(colour_type));
}

std::string big_endian(std::uint32_t value) {
  std::string text;
  for (const int shift : {24, 16, 8, 0}) text += static_cast<char>(value >> shift & 0xFF);
  return text;
}

std::uint32_t number(const std::string& content, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(content.at(at + i));
  return value;
}

}  // namespace

MadePng make_png(const PngKind& kind, std::uint64_t seed) {
  keel::Rng rng{seed};
  MadePng made;
  auto* png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, fail, nullptr);
  auto* info = png_create_info_struct(png);
  png_set_write_fn(png, &made.content, append, nullptr);
  png_set_IHDR(png, info, kind.width, kind.height, kind.depth, kind.colour_type,
               kind.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  const auto levels = std::uint64_t{1} << kind.depth;
  const auto largest = static_cast<double>(levels - 1);

  std::vector<png_color> palette(kind.colour_type == 3 ? levels : 0);
  std::vector<png_byte> alphas(kind.colour_type == 3 && kind.transparency ? (levels + 1) / 2 : 0);
  const auto byte = [&] { return static_cast<png_byte>(rng.below(256)); };
  for (auto& colour : palette) colour = {.red = byte(), .green = byte(), .blue = byte()};
  for (auto& alpha : alphas) alpha = byte();
  if (!palette.empty()) png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
  if (!alphas.empty()) png_set_tRNS(png, info, alphas.data(), static_cast<int>(alphas.size()), nullptr);
  // Few values, so that the transparent one occurs.
  const std::uint64_t few = kind.transparency ? 2 : levels;
  const auto transparent = static_cast<png_uint_16>(levels - 1);
  if (kind.transparency && kind.colour_type != 3) {
    const png_color_16 colour{
        .index = 0, .red = transparent, .green = transparent, .blue = transparent, .gray = transparent};
    png_set_tRNS(png, info, nullptr, 0, &colour);
  }

  const auto channels = channels_of(kind.colour_type);
  std::vector<std::vector<png_byte>> rows(kind.height);
  std::vector<png_bytep> row_pointers;
  for (auto& row : rows) {
    row.assign(png_get_rowbytes(png, info), 0);
    row_pointers.push_back(row.data());
    for (std::uint32_t x = 0; x < kind.width; ++x) {
      std::vector<std::uint64_t> sample;
      for (int c = 0; c < channels; ++c) {
        sample.push_back(kind.transparency && kind.colour_type != 3 ? levels - 1 - rng.below(few)
                                                                    : rng.below(levels));
        const auto bit = (x * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c)) *
                         static_cast<std::size_t>(kind.depth);
        if (kind.depth == 16) {
          row[bit / 8] = static_cast<png_byte>(sample.back() >> 8);
          row[bit / 8 + 1] = static_cast<png_byte>(sample.back() & 0xFF);
        } else {
          row[bit / 8] = static_cast<png_byte>(
              row[bit / 8] | sample.back() << (8 - static_cast<unsigned>(kind.depth) - bit % 8));
        }
      }
      Rgba pixel;
      const auto value = [&](std::size_t c) { return static_cast<double>(sample[c]) / largest; };
      if (kind.colour_type == 3) {
        const auto& colour = palette[sample[0]];
        pixel = {colour.red / 255.0, colour.green / 255.0, colour.blue / 255.0};
        if (sample[0] < alphas.size()) pixel.alpha = alphas[sample[0]] / 255.0;
      } else if (channels < 3) {
        pixel = {value(0), value(0), value(0), channels == 2 ? value(1) : 1.0};
        if (kind.transparency && sample[0] == transparent) pixel.alpha = 0;
      } else {
        pixel = {value(0), value(1), value(2), channels == 4 ? value(3) : 1.0};
        if (kind.transparency && sample[0] == transparent && sample[1] == transparent &&
            sample[2] == transparent) {
          pixel.alpha = 0;
        }
      }
      made.pixels.push_back(pixel);
    }
  }
  png_write_info(png, info);
  png_write_image(png, row_pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return made;
}

std::string png_chunk(const std::string& name, const std::string& data) {
  const auto named = name + data;
  const auto sum = crc32_z(0, reinterpret_cast<const Bytef*>(named.data()), named.size());
  return big_endian(static_cast<std::uint32_t>(data.size())) + named +
         big_endian(static_cast<std::uint32_t>(sum));
}

std::string with_chunk(const std::string& content, const std::string& name, const std::string& chunk) {
  for (std::size_t at = 8; at + 12 <= content.size(); at += 12 + number(content, at)) {
    if (content.substr(at + 4, 4) == name) return content.substr(0, at) + chunk + content.substr(at);
  }
  throw std::runtime_error{"no chunk " + name};
}

std::string with_header_byte(std::string content, std::size_t at, char value) {
  auto data = content.substr(16, 13);
  data.at(at) = value;
  return content.replace(8, 25, png_chunk("IHDR", data));
}

}  // namespace keel::test
