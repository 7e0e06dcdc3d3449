#include "keel/tools/system/text_file.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "../../support/temporary_folder.hpp"
#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

struct TextFolder {
  // What is said of a file that is not read.
  [[nodiscard]] std::string refusal(const char* name) const {
    try {
      (void)read_json(folder.path() / name);
    } catch (const DataError& error) {
      return error.what();
    }
    return "it was read";
  }
  void check_refused(const char* name, const char* says) const {
    const auto text = refusal(name);
    BOOST_TEST(text.find(says) != std::string::npos, name << ": " << text);
    BOOST_TEST(text.find(name) != std::string::npos, text);
  }
  void write(const char* name, const std::string& content) const {
    std::ofstream{folder.path() / name, std::ios::binary} << content;
  }

  TemporaryFolder folder;
};

BOOST_FIXTURE_TEST_SUITE(text_file, TextFolder)

BOOST_AUTO_TEST_CASE(what_is_no_regular_file_is_refused_and_not_waited_for) {
  BOOST_REQUIRE(::mkfifo((folder.path() / "pipe").c_str(), 0600) == 0);
  std::filesystem::create_directory(folder.path() / "folder");
  std::filesystem::create_symlink("round", folder.path() / "round");
  check_refused("pipe", "a device or a pipe");
  check_refused("folder", "is a folder, not a file");
  check_refused("missing", "does not exist");
  check_refused("round", "can't be opened: Too many levels");
}

BOOST_AUTO_TEST_CASE(a_file_is_read_whole_unless_it_is_too_long) {
  const std::string content(200'000, 'x');
  write("long", content);
  BOOST_TEST((read_text_file(folder.path() / "long") == content));
  BOOST_TEST((read_text_file(folder.path() / "long", 200'000) == content));
  BOOST_CHECK_THROW((void)read_text_file(folder.path() / "long", 199'999), DataError);
}

BOOST_AUTO_TEST_CASE(json_that_would_cost_too_much_is_refused) {
  write("deep", std::string(200'000, '['));
  check_refused("deep", "nested too deeply");
  write("closed", std::string(200'000, '[') + std::string(200'000, ']'));
  check_refused("closed", "nested too deeply");
  std::string wide = "{\"a\": {";
  for (int i = 0; i < 200'000; ++i) wide += fmt::format("\"{}\":0,", i);
  write("wide", wide + "\"x\":0}}");
  check_refused("wide", "more than 1000 members");
  write("empty", "");
  check_refused("empty", "is empty");
  write("half", "{\"a\": ");
  check_refused("half", "is not JSON");
  write("good", R"({"a": {"b": [1, 2]}, "c": {"d": {}}})");
  BOOST_TEST(read_json(folder.path() / "good").at("a").at("b").at(1) == 2);
}

// As in the name of a folder.
BOOST_AUTO_TEST_CASE(bytes_that_are_not_utf_8_can_be_written) {
  BOOST_TEST(json_text(Json{{"out", "a\xFF"}}) == "{\"out\":\"a\uFFFD\"}");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
