#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace keel::tools {

/// What the header of a PNG file says.
struct PngHeader {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool interlaced = false;
};

/// Checks of a PNG file all that can be told without unpacking its pixels: its signature, every chunk's
/// place, length and checksum, that nothing follows the last one, and that the picture is not an animation,
/// has pixels, no more than are read and than its bytes can hold. Throws DataError, naming the file and the
/// fault.
PngHeader check_png_chunks(const std::filesystem::path& name, std::span<const std::uint8_t> content);

}  // namespace keel::tools
