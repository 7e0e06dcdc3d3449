#include "keel/tools/data/download.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../../support/temporary_folder.hpp"
#include "keel/tools/data/gzip.hpp"
#include "keel/tools/data/image_set.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using keel::tools::DataError;
using keel::tools::download;
using keel::tools::download_files;
using keel::tools::DownloadLimits;
using keel::tools::gzip;
using keel::tools::KnownFile;

void write(const fs::path& path, std::string_view content) {
  std::ofstream{path, std::ios::binary}.write(content.data(), static_cast<std::streamsize>(content.size()));
}

std::string read(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// Two temporary folders: one to download from, one that is yet to be made, to download into.
struct TwoFolders {
  TwoFolders() {
    setenv("no_proxy", "*", 1);
    fs::create_directory(source);
    write(source / "a", "abc");
    write(source / "b", gzip({std::vector<std::uint8_t>{'a', 'b', 'c'}}));
  }

  [[nodiscard]] std::string url(const fs::path& path) const { return "file://" + path.string(); }
  [[nodiscard]] bool fetch(bool force = false) const {
    return download_files(files, url(source), target, force, {});
  }
  /// The names of all that is in the target folder.
  [[nodiscard]] std::size_t files_in_target() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator{target}, {}));
  }

  // The first example of FIPS 180-2.
  static constexpr std::string_view abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  static constexpr std::array<KnownFile, 2> files{{{"a", abc}, {"b", abc}}};
  keel::test::TemporaryFolder temporary;
  fs::path folder = temporary.path();
  fs::path source = folder / "source";
  fs::path target = folder / "cache" / "target";
};

/// Checks that `action` fails with a sentence that has all of `texts` in it.
template <class Action>
void check_fault(Action action, std::initializer_list<std::string_view> texts) {
  std::string found;
  try {
    action();
  } catch (const DataError& error) {
    found = error.what();
  }
  for (const auto text : texts) {
    BOOST_TEST(found.find(text) != found.npos, fmt::format("{:?} is not in {:?}", text, found));
  }
}

/// An HTTP server that gives each connection the next of its answers, and keeps the last one open.
class Server {
 public:
  explicit Server(std::vector<std::string> answers)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)), answers_(std::move(answers)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t length = sizeof address;
    BOOST_REQUIRE(::bind(socket_, generic, length) == 0);
    BOOST_REQUIRE(::listen(socket_, 4) == 0);
    BOOST_REQUIRE(::getsockname(socket_, generic, &length) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread{[this] { serve(); }};
  }
  ~Server() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
    if (open_ >= 0) ::close(open_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}/file", port_); }

 private:
  void serve() {
    for (const auto& answer : answers_) {
      const int connection = ::accept(socket_, nullptr, nullptr);
      if (connection < 0) return;
      std::array<char, 4096> request{};
      if (::recv(connection, request.data(), request.size(), 0) > 0)
        ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      if (open_ >= 0) ::close(open_);
      open_ = connection;
    }
  }

  int socket_;
  std::vector<std::string> answers_;
  int port_ = 0;
  int open_ = -1;
  std::jthread thread_;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(download_test, TwoFolders)

BOOST_AUTO_TEST_CASE(a_file_is_downloaded_whole) {
  std::string content;
  for (std::uint64_t i = 0; i < 300'000; ++i) content += static_cast<char>(i * i >> 3);
  write(source / "large", content);
  BOOST_TEST((download(url(source / "large"), {}) == content));
  write(source / "empty", "");
  BOOST_TEST((download(url(source / "empty"), {}) == ""));
}

BOOST_AUTO_TEST_CASE(a_missing_file_is_named) {
  const auto missing = url(source / "missing");
  check_fault([&] { download(missing, {}); },
              {fmt::format("'{}' can't be downloaded: ", missing), "open file"});
}

BOOST_AUTO_TEST_CASE(a_large_file_is_refused) {
  const DownloadLimits limits{.bytes = 3};
  BOOST_TEST((download(url(source / "a"), {}, limits) == "abc"));
  write(source / "a", "abcd");
  check_fault([&] { download(url(source / "a"), {}, limits); }, {"source/a'", "it has more than 3 bytes"});
}

BOOST_AUTO_TEST_CASE(other_protocols_are_refused) {
  check_fault([&] { download("ftp://127.0.0.1/a", {}); },
              {"'ftp://127.0.0.1/a' can't be downloaded: ", "ftp"});
}

BOOST_AUTO_TEST_CASE(a_stop_beforehand_yields_nothing) {
  std::stop_source stop;
  stop.request_stop();
  BOOST_TEST(!download(url(source / "a"), stop.get_token()).has_value());
}

BOOST_AUTO_TEST_CASE(http_is_spoken) {
  const Server server{{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"}};
  BOOST_TEST((download(server.url(), {}) == "abc"));
}

BOOST_AUTO_TEST_CASE(an_http_error_is_named) {
  const Server server{{"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc"}};
  check_fault([&] { download(server.url(), {}); }, {server.url(), "HTTP status 404"});
}

BOOST_AUTO_TEST_CASE(redirects_are_followed_but_not_to_files) {
  const auto redirect = [](const std::string& to) {
    return fmt::format("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", to);
  };
  const Server end{{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"}};
  const Server server{{redirect(end.url()), redirect(url(source / "a"))}};
  BOOST_TEST((download(server.url(), {}) == "abc"));
  check_fault([&] { download(server.url(), {}); }, {server.url(), "file"});
}

BOOST_AUTO_TEST_CASE(a_long_answer_is_refused_announced_or_not) {
  const Server server{{"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nabcd",
                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n"}};
  for (int i = 0; i < 2; ++i) {
    check_fault([&] { download(server.url(), {}, {.bytes = 3}); }, {server.url(), "more than 3 bytes"});
  }
}

BOOST_AUTO_TEST_CASE(a_refused_connection_is_named) {
  std::string nobody;
  {
    const Server server{{}};
    nobody = server.url();
  }
  check_fault([&] { download(nobody, {}); }, {nobody, "can't be downloaded: ", "onnect"});
}

BOOST_AUTO_TEST_CASE(a_stalled_transfer_is_given_up) {
  const Server server{{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"}};
  check_fault([&] { download(server.url(), {}, {.stall = 1s}); }, {server.url(), "too slow"});
}

BOOST_AUTO_TEST_CASE(a_stop_ends_a_transfer) {
  const Server server{{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"}};
  std::stop_source stop;
  const std::jthread later{[&] {
    std::this_thread::sleep_for(100ms);
    stop.request_stop();
  }};
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST(!download(server.url(), stop.get_token()).has_value());
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 10s));
}

BOOST_AUTO_TEST_CASE(files_are_fetched_as_they_are) {
  BOOST_TEST(fetch());
  BOOST_TEST(read(target / "a") == "abc");
  BOOST_TEST(read(target / "b") == read(source / "b"));
  BOOST_TEST(files_in_target() == 2);
}

BOOST_AUTO_TEST_CASE(what_is_there_is_not_fetched_again_unless_forced) {
  BOOST_TEST(fetch());
  fs::remove_all(source);
  BOOST_TEST(fetch());
  check_fault([&] { (void)fetch(true); }, {"source/a' can't be downloaded"});
  BOOST_TEST(files_in_target() == 2);
}

BOOST_AUTO_TEST_CASE(a_damaged_file_is_fetched_again) {
  BOOST_TEST(fetch());
  for (const std::string_view damage : {"", "abd", "\x1F\x8B"}) {
    write(target / "b", damage);
    BOOST_TEST(fetch());
    BOOST_TEST(read(target / "b") == read(source / "b"));
  }
}

BOOST_AUTO_TEST_CASE(a_file_with_other_content_is_refused) {
  write(source / "b", "abd");
  check_fault([&] { (void)fetch(); },
              {url(source / "b"), "is not the b expected: the SHA-256 of its content is a52d159f", abc});
  BOOST_TEST(files_in_target() == 1);
  for (const std::string_view damage : {"", "\x1F\x8B"}) {
    write(source / "b", damage);
    check_fault([&] { (void)fetch(); }, {fmt::format("'{}' is ", url(source / "b"))});
  }
  BOOST_TEST(files_in_target() == 1);
}

BOOST_AUTO_TEST_CASE(a_small_file_that_unpacks_to_a_huge_one_is_refused) {
  write(source / "a", gzip({std::vector<std::uint8_t>(std::size_t{65} << 20)}));
  check_fault([&] { (void)fetch(); }, {url(source / "a"), "is not the a expected"});
}

BOOST_AUTO_TEST_CASE(a_failure_leaves_no_empty_folders) {
  fs::remove(source / "a");
  check_fault([&] { (void)fetch(); }, {"source/a' can't be downloaded"});
  BOOST_TEST(!fs::exists(folder / "cache"));
}

BOOST_AUTO_TEST_CASE(a_stop_keeps_the_target_as_it_is) {
  std::stop_source stop;
  stop.request_stop();
  BOOST_TEST(!download_files(files, url(source), target, false, stop.get_token()));
  BOOST_TEST(!fs::exists(folder / "cache"));
}

BOOST_AUTO_TEST_CASE(the_url_may_end_in_a_slash) {
  BOOST_TEST(download_files(files, url(source) + '/', target, false, {}));
  BOOST_TEST(files_in_target() == 2);
}

BOOST_AUTO_TEST_SUITE_END()
