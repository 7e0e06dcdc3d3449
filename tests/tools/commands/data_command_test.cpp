#include "keel/tools/commands/data_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../../support/process.hpp"
#include "../../support/temporary_folder.hpp"
#include "keel/tools/commands/command_line.hpp"
#include "keel/tools/data/contact_sheet.hpp"
#include "keel/tools/data/data_set.hpp"
#include "keel/tools/data/digits.hpp"
#include "keel/tools/data/idx.hpp"
#include "keel/tools/data/idx_writer.hpp"
#include "keel/tools/data/png.hpp"

namespace {

namespace fs = std::filesystem;
using namespace keel::tools;  // NOLINT(google-build-using-namespace)

/// A temporary folder, in which the user's cache folder is while the test runs.
struct CacheFolder {
  CacheFolder() {
    if (const char* const before = std::getenv("XDG_CACHE_HOME")) cache_before = before;
    setenv("XDG_CACHE_HOME", (folder / "cache").c_str(), 1);
  }
  ~CacheFolder() {
    cache_before ? setenv("XDG_CACHE_HOME", cache_before->c_str(), 1) : unsetenv("XDG_CACHE_HOME");
  }
  CacheFolder(const CacheFolder&) = delete;
  CacheFolder& operator=(const CacheFolder&) = delete;

  /// Runs `keel COMMAND_LINE`.
  static ExitStatus run(const std::string& command_line, const std::stop_token& stop = {}) {
    CLI::App app;
    auto status = ExitStatus::failed;
    add_data_command(
        app, [&stop] { return stop; }, status);
    app.parse(command_line);
    return status;
  }

  keel::test::TemporaryFolder temporary;
  fs::path folder = temporary.path();
  std::optional<std::string> cache_before;
};

std::string read(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::stop_token stopped() {
  std::stop_source stop;
  stop.request_stop();
  return stop.get_token();
}

boost::test_tools::assertion_result mnist_is_given(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result given{std::getenv("KEEL_MNIST_DIR") != nullptr};
  if (!given) given.message() << "KEEL_MNIST_DIR is not set";
  return given;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(data_command_test, CacheFolder)

BOOST_AUTO_TEST_CASE(written_images_are_read_back) {
  const ImageSet set{
      .height = 1, .width = 300, .pixels = std::vector<std::uint8_t>(600, 7), .labels = {3, 255}};
  std::ofstream{folder / "images", std::ios::binary} << gzipped_idx_images(set);
  std::ofstream{folder / "labels", std::ios::binary} << gzipped_idx_labels(set);
  const auto found = read_idx_pair(folder / "images", folder / "labels");
  BOOST_TEST(found.height == 1);
  BOOST_TEST(found.width == 300);
  BOOST_TEST((found.pixels == set.pixels));
  BOOST_TEST((found.labels == set.labels));
}

BOOST_AUTO_TEST_CASE(a_packed_file_tells_no_time) {
  const auto packed = gzipped_idx_labels({.labels = {1}});
  BOOST_TEST(packed.substr(0, 8) == std::string("\x1F\x8B\x08\0\0\0\0\0", 8));
}

BOOST_AUTO_TEST_CASE(digits_are_written_and_read_back) {
  const auto out = folder / "digits";
  BOOST_TEST((run(fmt::format("data digits --out {}", out.string())) == ExitStatus::done));
  BOOST_TEST(std::distance(fs::directory_iterator{out}, {}) == 4);
  BOOST_TEST(load_data_set(out.string()).digest == make_digits().digest);

  const auto first = read(out / "train-images-idx3-ubyte.gz");
  BOOST_CHECK_THROW(data_digits({.out = out.string()}, {}), UsageError);
  BOOST_TEST((data_digits({.out = out.string(), .force = true}, {}) == ExitStatus::done));
  BOOST_TEST((read(out / "train-images-idx3-ubyte.gz") == first));

  BOOST_TEST((run(fmt::format("data digits --seed 2 --force --out {}", out.string())) == ExitStatus::done));
  BOOST_TEST(load_data_set(out.string()).digest == make_digits({.seed = 2}).digest);
}

BOOST_AUTO_TEST_CASE(interrupted_digits_leave_nothing) {
  const auto out = folder / "some" / "digits";
  BOOST_TEST((data_digits({.out = out.string()}, stopped()) == ExitStatus::interrupted));
  BOOST_TEST(!fs::exists(folder / "some"));
}

BOOST_AUTO_TEST_CASE(files_that_are_not_mnist_are_refused) {
  fs::create_directory(folder / "fake");
  std::ofstream{folder / "fake" / "train-images-idx3-ubyte.gz"} << "<!DOCTYPE html>";
  BOOST_CHECK_THROW(run(fmt::format("data mnist --url file://{}/fake", folder.string())), DataError);
  BOOST_CHECK_THROW(run(fmt::format("data mnist --url file://{}/missing", folder.string())), DataError);
  BOOST_TEST(!fs::exists(folder / "cache"));
}

BOOST_AUTO_TEST_CASE(an_interrupted_download_has_its_own_status) {
  const MnistOptions options{.url = "file:///nowhere"};
  BOOST_TEST((data_mnist(options, stopped()) == ExitStatus::interrupted));
}

BOOST_AUTO_TEST_CASE(the_real_mnist_is_fetched_once, *boost::unit_test::precondition(mnist_is_given)) {
  const auto mnist = fs::canonical(std::getenv("KEEL_MNIST_DIR")).string();
  BOOST_TEST((data_mnist({.url = "file://" + mnist}, {}) == ExitStatus::done));
  BOOST_TEST(load_data_set("mnist").digest == load_data_set(mnist).digest);
  const MnistOptions nowhere{.url = "file:///nowhere"};
  BOOST_TEST((data_mnist(nowhere, {}) == ExitStatus::done));
  BOOST_CHECK_THROW(data_mnist({.url = nowhere.url, .force = true}, {}), DataError);
}

BOOST_AUTO_TEST_CASE(info_describes_a_data_set) {
  const DataSet data{.name = "small",
                     .digest = "0123abcd",
                     .classes = 3,
                     .train = {.height = 1, .width = 2, .pixels = {0, 255, 0, 255}, .labels = {0, 2}},
                     .test = {.height = 1, .width = 2, .pixels = {9, 9}, .labels = {2}}};
  BOOST_TEST(info_text(data) ==
             "name             small\n"
             "digest           0123abcd\n"
             "training images  2\n"
             "test images      1\n"
             "size             1 x 2\n"
             "classes          3\n"
             "pixel mean       0.5000\n"
             "pixel sd         0.5000\n"
             "\n"
             "class training images test images\n"
             "    0               1           0\n"
             "    1               0           0\n"
             "    2               1           1\n");
}

BOOST_AUTO_TEST_CASE(info_names_classes_that_have_names) {
  const DataSet data{.classes = 2,
                     .class_names = {"cat", "long \xC3\xA9mu"},
                     .train = {.height = 1, .width = 1, .pixels = {0, 255}, .labels = {0, 1}},
                     .test = {.height = 1, .width = 1, .pixels = {9}, .labels = {1}}};
  BOOST_TEST(info_text(data).find("   class training images test images\n"
                                  "     cat               1           0\n"
                                  "long \xC3\xA9mu               1           1\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_sheet_has_a_row_a_class) {
  ImageSet set{.height = 1, .width = 2, .pixels = {}, .labels = {2, 0, 0, 0, 0, 0}};
  for (std::uint8_t i = 0; i < 6; ++i) set.pixels.insert(set.pixels.end(), {i, 200});
  const auto sheet = contact_sheet(set, 3, 2);
  BOOST_TEST(sheet.height == 11);
  BOOST_TEST(sheet.width == 10);
  const auto row = [&](std::size_t y) {
    return std::vector(&sheet.pixels[10 * y], &sheet.pixels[10 * y] + 10);
  };
  using Row = std::vector<std::uint8_t>;
  constexpr std::uint8_t line = 96;
  BOOST_TEST((row(2) == Row{line, line, 1, 200, line, line, 3, 200, line, line}));
  BOOST_TEST((row(8) == Row{line, line, 0, 200, line, line, line, line, line, line}));
  for (const auto y : {0U, 1U, 3U, 4U, 5U, 6U, 7U, 9U, 10U}) BOOST_TEST((row(y) == Row(10, line)));
  BOOST_CHECK_THROW(contact_sheet({.height = 1'000'000, .width = 1000}, 256, 10), keel::Error);
}

BOOST_AUTO_TEST_CASE(info_writes_a_sheet) {
  const auto file = folder / "sheet.png";
  BOOST_TEST((run(fmt::format("data info --sheet {}", file.string())) == ExitStatus::done));
  const auto sheet = read_png(file);
  BOOST_TEST(sheet.height == 302);
  BOOST_TEST(sheet.width == 302);
  const auto digits = make_digits();
  BOOST_TEST((sheet.pixels == contact_sheet(digits.train, 10, 10).pixels));
  BOOST_CHECK_THROW(run(fmt::format("data info --sheet {}/missing/sheet.png", folder.string())), keel::Error);
}

// Everything can be read as root, so that it is another who asks.
BOOST_AUTO_TEST_CASE(a_folder_that_can_not_be_read_says_so) {
  if (::geteuid() != 0) {
    BOOST_TEST_MESSAGE("only root can become another user: not tested");
    return;
  }
  const keel::test::TemporaryFolder place;
  const auto refused = keel::test::run_command(
      fmt::format("chmod 755 . && mkdir -m 0 locked && cp '{}' program && "
                  "export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 && "
                  "setpriv --reuid 64123 --clear-groups ./program data info --data locked",
                  std::getenv("KEEL_PROGRAM")),
      place.path());
  BOOST_TEST(refused.status == 3, refused.err);
  BOOST_TEST(refused.err.find("can't be read: Permission denied") != std::string::npos, refused.err);
}

BOOST_AUTO_TEST_CASE(info_is_a_command) {
  BOOST_TEST((run("data info") == ExitStatus::done));
  BOOST_CHECK_THROW(run("data info --data " + (folder / "missing").string()), DataError);
}

BOOST_AUTO_TEST_CASE(incomplete_command_lines_are_refused) {
  for (const char* const line : {"data", "data digits", "data nonsense"}) {
    BOOST_CHECK_THROW(run(line), CLI::ParseError);
  }
  const auto out = (folder / "digits").string();
  for (const char* const seed : {"-1", "x", "1.5", "18446744073709551616"}) {
    BOOST_CHECK_THROW(run(fmt::format("data digits --out {} --seed {}", out, seed)), CLI::ParseError);
  }
  BOOST_TEST(!fs::exists(folder / "digits"));
}

BOOST_AUTO_TEST_SUITE_END()
