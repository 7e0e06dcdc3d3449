#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

namespace keel::tools {

/// When a download is given up.
struct DownloadLimits {
  std::size_t bytes = std::size_t{64} << 20;  ///< a longer file is refused
  std::chrono::seconds connect{15};           ///< without a connection
  std::chrono::seconds stall{30};             ///< without a byte
};

/// The bytes that `url` names, by http, https or file; redirects are followed. Nothing if `stop` was
/// requested before the end. Throws DataError, naming the URL and the reason, if they can't be had within the
/// limits.
std::optional<std::string> download(const std::string& url, const std::stop_token& stop,
                                    const DownloadLimits& limits = {});

/// A file whose content is known beforehand.
struct KnownFile {
  std::string_view name;
  /// Of the content, unpacked if it is gzipped: mirrors may pack it differently.
  std::string_view sha256;
};

/// Makes sure that `folder` holds `files`, downloading from the folder `url` those that are missing or have
/// other content, or all of them if `force`, and says so on standard error, a line a file. A file is written
/// whole, and only if its content is right. Returns false, keeping the files that are finished, if `stop` was
/// requested before the last one was.
///
/// Throws DataError, naming the URL and the reason, for a file that can't be had or is another one; Error if
/// `folder` can't be written to.
bool download_files(std::span<const KnownFile> files, const std::string& url,
                    const std::filesystem::path& folder, bool force, const std::stop_token& stop);

}  // namespace keel::tools
