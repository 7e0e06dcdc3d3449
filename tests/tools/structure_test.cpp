// The house rules that a compiler does not enforce.

#include <boost/test/unit_test.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <vector>

#include "../support/process.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;

constexpr std::array folders{"runtime", "graph", "ops", "models", "tools"};

// The rooms of tools/: each may include those before it, but none beside it.
const std::vector<std::vector<std::string>> rooms{
    {"system"}, {"data"}, {"findings"}, {"training"}, {"runs"}, {"bench", "studies", "report"}, {"commands"}};

std::size_t room_rank(const std::string& room) {
  const auto holds = [&](const std::vector<std::string>& side_by_side) {
    return std::ranges::find(side_by_side, room) != side_by_side.end();
  };
  return static_cast<std::size_t>(std::ranges::find_if(rooms, holds) - rooms.begin());
}

std::size_t rank(const std::string& folder) {
  return static_cast<std::size_t>(std::ranges::find(folders, folder) - folders.begin());
}

struct Include {
  std::string file;    // "ops/conv2d.cpp"
  std::string folder;  // of that file: "ops"
  std::string target;  // "keel/graph/tape.hpp"
  bool quoted;
};

std::vector<Include> includes() {
  const std::regex pattern{R"re(^\s*#\s*include\s*(["<])([^">]+)[">])re"};
  std::vector<Include> result;
  for (const auto* folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(source_root() / folder)) {
      const auto extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp") continue;
      std::istringstream content{read_file(entry.path())};
      for (std::string line; std::getline(content, line);) {
        std::smatch match;
        if (!std::regex_search(line, match, pattern)) continue;
        result.push_back({fs::relative(entry.path(), source_root()), folder, match[2], match[1] == "\""});
      }
    }
  }
  return result;
}

BOOST_AUTO_TEST_SUITE(structure)

BOOST_AUTO_TEST_CASE(dependencies_run_one_way) {
  const std::regex own{R"re(^keel/([a-z]+)/)re"};
  std::size_t seen = 0;
  for (const auto& include : includes()) {
    std::smatch match;
    if (!std::regex_search(include.target, match, own)) continue;
    ++seen;
    BOOST_TEST(rank(match[1]) < folders.size(), include.file << " includes " << include.target);
    BOOST_TEST(rank(match[1]) <= rank(include.folder),
               include.file << " includes " << include.target << ", which points the wrong way");
  }
  BOOST_TEST(seen > 100U);
}

BOOST_AUTO_TEST_CASE(rooms_of_the_program_depend_one_way) {
  const std::regex room_in_path{R"re(^(?:keel/)?tools/([a-z]+)/)re"};
  std::size_t seen = 0;
  for (const auto& include : includes()) {
    std::smatch from;
    std::smatch to;
    if (!std::regex_search(include.target, to, room_in_path)) continue;
    if (include.file == "tools/laboratory.hpp")
      continue;  // leads to what a study of one's own needs, in all rooms
    BOOST_TEST_REQUIRE(std::regex_search(include.file, from, room_in_path),
                       include.file << " lies in no room");
    if (from[1] == to[1] || from[1] == "examples") continue;
    ++seen;
    BOOST_TEST(room_rank(from[1]) < rooms.size(), include.file << " lies in no room");
    BOOST_TEST(room_rank(to[1]) < room_rank(from[1]),
               include.file << " includes " << include.target << ", which is not in a room before its own");
  }
  BOOST_TEST(seen > 100U);
}

BOOST_AUTO_TEST_CASE(own_headers_are_spelled_as_users_spell_them) {
  for (const auto& include : includes()) {
    if (!include.quoted) continue;
    BOOST_TEST(include.target.starts_with("keel/"), include.file << " includes \"" << include.target << '"');
  }
}

// As someone compiles a file by hand, or an editor does, who has built nothing.
BOOST_AUTO_TEST_CASE(sources_find_their_headers_without_a_build) {
  const std::string compile = "${CXX:-c++} -std=c++20 -DKEEL_EACH_WIDTH= -Itools/include -fsyntax-only ";
  for (const auto* source : {"runtime/tensor.cpp", "graph/tape.cpp", "ops/conv2d.cpp", "models/linear.cpp",
                             "tools/data/batches.cpp", "tools/examples/classifier.cpp"}) {
    const auto finished = run_command(compile + source, source_root());
    BOOST_TEST(finished.status == 0, source << ": " << finished.err);
  }
  for (const auto* file : {"tools/include/compile_flags.txt", ".clangd"})
    BOOST_TEST(fs::exists(source_root() / file), file);
}

BOOST_AUTO_TEST_CASE(an_older_standard_gets_one_sentence) {
  const auto finished = run_command(
      "${CXX:-c++} -std=c++17 -Itools/include -fsyntax-only tools/include/keel/keel.hpp 2>&1 | grep -c "
      "error: ; "
      "${CXX:-c++} -std=c++17 -Itools/include -fsyntax-only tools/include/keel/keel.hpp",
      source_root());
  BOOST_TEST(finished.out == "1\n", finished.err);
  BOOST_TEST(finished.err.find("keel is written in C++20: compile with -std=c++20") != std::string::npos,
             finished.err);
}

// Those that a program sees hide nothing; classes of operators are what functions are made of.
BOOST_AUTO_TEST_CASE(headers_of_operators_that_a_program_sees_list_functions) {
  std::size_t seen = 0;
  for (const auto& entry : fs::directory_iterator(source_root() / "ops")) {
    if (entry.path().extension() != ".hpp") continue;
    const auto content = read_file(entry.path());
    if (content.find("#pragma GCC visibility push(hidden)") != std::string::npos) continue;
    ++seen;
    BOOST_TEST(content.find(": public Operator") == std::string::npos, entry.path());
  }
  BOOST_TEST(seen > 20U);
}

BOOST_AUTO_TEST_CASE(public_headers_do_not_need_onednn) {
  const std::set<std::string> internal{"runtime/onednn.hpp",     "runtime/onednn_internal.hpp",
                                       "ops/onednn_kernel.hpp",  "ops/conv2d_kernels.hpp",
                                       "ops/conv2d_parts.hpp",   "ops/pooling_geometry.hpp",
                                       "ops/pooling_kernels.hpp"};
  for (const auto& include : includes()) {
    const bool is_internal =
        include.target.starts_with("keel/") && internal.contains(include.target.substr(5));
    if (!include.target.starts_with("dnnl") && !is_internal) continue;
    BOOST_TEST((include.file.ends_with(".cpp") || internal.contains(include.file)),
               include.file << " includes " << include.target);
  }
}

// StandardStreams sees only what goes by stdout and stderr.
BOOST_AUTO_TEST_CASE(the_program_prints_by_stdout_and_stderr) {
  std::size_t seen = 0;
  for (const auto& entry : fs::recursive_directory_iterator(source_root() / "tools")) {
    if (entry.path().extension() != ".cpp" || entry.path().parent_path().filename() == "examples") continue;
    ++seen;
    const auto content = read_file(entry.path());
    for (const auto* stream : {"std::cout", "std::cerr", "std::clog"})
      BOOST_TEST((content.find(stream) == std::string::npos), entry.path() << " prints by " << stream);
  }
  BOOST_TEST(seen > 50U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
