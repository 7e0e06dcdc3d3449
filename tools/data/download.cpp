#include "keel/tools/data/download.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "keel/tools/data/gzip.hpp"
#include "keel/tools/data/sha256.hpp"
#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/system/output_folder.hpp"
#include "keel/tools/system/refuse.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

/// What libcurl's callbacks work on.
struct Transfer {
  const std::stop_token& stop;
  std::size_t limit;
  std::string content;
};

// libcurl takes any answer but the number of bytes for a refusal.
std::size_t receive(const char* bytes, std::size_t /*always 1*/, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (count > transfer.limit - transfer.content.size()) return 0;
  transfer.content.append(bytes, count);  // can't throw: the room is reserved
  return count;
}

// Called about once a second or more often, whether bytes come or not; other than 0 ends the transfer.
int check_stop(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->stop.stop_requested() ? 1 : 0;
}

/// A libcurl handle with its settings.
class Curl {
 public:
  Curl() : handle_(curl_easy_init()) {
    if (!handle_) throw Error{"libcurl can't be initialized"};
    set(CURLOPT_ERRORBUFFER, details_.data());
  }
  ~Curl() { curl_easy_cleanup(handle_); }
  Curl(const Curl&) = delete;  // libcurl keeps the address of the buffer
  Curl& operator=(const Curl&) = delete;

  template <class Value>
  void set(CURLoption option, Value value) {
    const auto code = curl_easy_setopt(handle_, option, value);
    if (code != CURLE_OK)
      throw Error{fmt::format("libcurl refuses option {}: {}", int{option}, curl_easy_strerror(code))};
  }

  CURLcode perform() { return curl_easy_perform(handle_); }

  /// Why `perform` failed with `code`.
  [[nodiscard]] std::string reason(CURLcode code) const {
    if (code == CURLE_HTTP_RETURNED_ERROR) {
      long status = 0;  // NOLINT(google-runtime-int): libcurl's type
      curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
      return fmt::format("the server answers with HTTP status {}", status);
    }
    return details_[0] != '\0' ? details_.data() : curl_easy_strerror(code);
  }

 private:
  CURL* handle_;
  std::array<char, CURL_ERROR_SIZE> details_{};
};

void apply(const DownloadLimits& limits, Curl& curl) {
  curl.set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(limits.bytes));
  curl.set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(limits.connect.count()));
  curl.set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl.set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits.stall.count()));
}

void connect(Transfer& transfer, Curl& curl) {
  curl.set(CURLOPT_WRITEFUNCTION, &receive);
  curl.set(CURLOPT_WRITEDATA, &transfer);
  curl.set(CURLOPT_NOPROGRESS, 0L);
  curl.set(CURLOPT_XFERINFOFUNCTION, &check_stop);
  curl.set(CURLOPT_XFERINFODATA, &transfer);
}

/// SHA-256 of what the file unpacks to; if that is long, of its beginning alone, so that a small file that
/// unpacks to a huge one costs little.
std::string content_sum(UnpackedFile& file) {
  constexpr std::size_t most = std::size_t{64} << 20;
  std::vector<std::uint8_t> chunk(std::size_t{1} << 16);
  Sha256 sum;
  std::size_t total = 0;
  for (std::size_t count = chunk.size(); count == chunk.size() && total < most; total += count) {
    count = file.read(chunk);
    sum.add(std::span{chunk}.first(count));
  }
  return sum.hex();
}

bool is_there(const KnownFile& file, const fs::path& folder) {
  try {
    UnpackedFile found{folder / file.name};
    return content_sum(found) == file.sha256;
  } catch (const DataError&) {
    return false;  // missing or damaged
  }
}

void check_content(const KnownFile& file, const std::string& url, std::string_view content) {
  UnpackedFile found{url, content};
  const auto sum = content_sum(found);
  if (sum == file.sha256) return;
  refuse(url, "is not the {} expected: the SHA-256 of its content is {}, not {}", file.name, sum,
         file.sha256);
}

std::vector<KnownFile> files_to_fetch(std::span<const KnownFile> files, const fs::path& folder, bool force) {
  std::vector<KnownFile> missing;
  for (const auto& file : files) {
    if (force || !is_there(file, folder)) {
      missing.push_back(file);
    } else {
      fmt::print(stderr, "{} is already there\n", file.name);
    }
  }
  return missing;
}

}  // namespace

std::optional<std::string> download(const std::string& url, const std::stop_token& stop,
                                    const DownloadLimits& limits) {
  Transfer transfer{.stop = stop, .limit = limits.bytes, .content = {}};
  transfer.content.reserve(limits.bytes);
  Curl curl;
  curl.set(CURLOPT_URL, url.c_str());
  curl.set(CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl.set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl.set(CURLOPT_FOLLOWLOCATION, 1L);
  curl.set(CURLOPT_MAXREDIRS, 10L);
  curl.set(CURLOPT_FAILONERROR, 1L);  // for HTTP status 400 and above
  curl.set(CURLOPT_NOSIGNAL, 1L);     // since there are other threads
  apply(limits, curl);
  connect(transfer, curl);

  const auto code = curl.perform();
  if (stop.stop_requested()) return std::nullopt;
  if (code == CURLE_FILESIZE_EXCEEDED || code == CURLE_WRITE_ERROR)
    refuse(url, "can't be downloaded: it has more than {} bytes", limits.bytes);
  if (code != CURLE_OK) refuse(url, "can't be downloaded: {}", curl.reason(code));
  return std::move(transfer.content);
}

bool download_files(std::span<const KnownFile> files, const std::string& url, const fs::path& folder,
                    bool force, const std::stop_token& stop) {
  const auto missing = files_to_fetch(files, folder, force);
  if (missing.empty()) return true;
  OutputFolder out{folder, true};
  for (const auto& file : missing) {
    const auto source = fmt::format("{}{}{}", url, url.ends_with('/') ? "" : "/", file.name);
    fmt::print(stderr, "fetching {}\n", source);
    const auto content = download(source, stop);
    if (!content) return false;
    check_content(file, source, *content);
    out.write(file.name, *content);
  }
  return true;
}

}  // namespace keel::tools
