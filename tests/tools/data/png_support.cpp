#include "png_support.hpp"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <array>
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

std::size_t channels_of(int colour_type) {
  constexpr std::array<std::size_t, 7> channels{1, 0, 3, 1, 2, 0, 4};
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

// What the samples of a picture may be, and what they mean.
struct Samples {
  Samples(const PngKind& png, keel::Rng& rng)
      : kind(png), levels(std::uint64_t{1} << png.depth), transparent(static_cast<png_uint_16>(levels - 1)) {
    const auto byte = [&] { return static_cast<png_byte>(rng.below(256)); };
    if (kind.colour_type != 3) return;
    for (std::uint64_t i = 0; i < levels; ++i) palette.push_back({byte(), byte(), byte()});
    for (std::uint64_t i = 0; kind.transparency && i < (levels + 1) / 2; ++i) alphas.push_back(byte());
  }

  void describe(png_structp png, png_infop info) const {
    if (!palette.empty()) png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
    if (!alphas.empty()) png_set_tRNS(png, info, alphas.data(), static_cast<int>(alphas.size()), nullptr);
    const png_color_16 colour{0, transparent, transparent, transparent, transparent};
    if (has_transparent_sample()) png_set_tRNS(png, info, nullptr, 0, &colour);
  }

  [[nodiscard]] bool has_transparent_sample() const { return kind.transparency && kind.colour_type != 3; }

  // One of few values where one is transparent, so that it occurs.
  [[nodiscard]] std::uint64_t draw(keel::Rng& rng) const {
    return has_transparent_sample() ? levels - 1 - rng.below(2) : rng.below(levels);
  }

  [[nodiscard]] Rgba meaning(const std::vector<std::uint64_t>& sample) const {
    const auto value = [&](std::size_t c) {
      return static_cast<double>(sample[c]) / static_cast<double>(levels - 1);
    };
    if (kind.colour_type == 3) {
      const auto& colour = palette[sample[0]];
      const double alpha = sample[0] < alphas.size() ? alphas[sample[0]] / 255.0 : 1.0;
      return {colour.red / 255.0, colour.green / 255.0, colour.blue / 255.0, alpha};
    }
    const bool clear = has_transparent_sample() &&
                       std::ranges::all_of(sample, [&](auto part) { return part == transparent; });
    if (sample.size() < 3)
      return {value(0), value(0), value(0), clear ? 0.0 : sample.size() == 2 ? value(1) : 1.0};
    return {value(0), value(1), value(2), clear ? 0.0 : sample.size() == 4 ? value(3) : 1.0};
  }

  PngKind kind;
  std::uint64_t levels;
  png_uint_16 transparent;
  std::vector<png_color> palette;
  std::vector<png_byte> alphas;
};

void put_sample(std::vector<png_byte>& row, std::size_t index, int depth, std::uint64_t value) {
  const auto bit = index * static_cast<std::size_t>(depth);
  if (depth == 16) {
    row[bit / 8] = static_cast<png_byte>(value >> 8);
    row[bit / 8 + 1] = static_cast<png_byte>(value & 0xFF);
  } else {
    row[bit / 8] =
        static_cast<png_byte>(row[bit / 8] | value << (8 - static_cast<unsigned>(depth) - bit % 8));
  }
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
  const Samples samples{kind, rng};
  samples.describe(png, info);
  std::vector<std::vector<png_byte>> rows(kind.height);
  std::vector<png_bytep> row_pointers;
  for (auto& row : rows) {
    row.assign(png_get_rowbytes(png, info), 0);
    row_pointers.push_back(row.data());
    std::size_t index = 0;
    for (std::uint32_t x = 0; x < kind.width; ++x) {
      std::vector<std::uint64_t> sample(channels_of(kind.colour_type));
      for (auto& part : sample) {
        part = samples.draw(rng);
        put_sample(row, index++, kind.depth, part);
      }
      made.pixels.push_back(samples.meaning(sample));
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
