// What `meson install` gives is enough for programs of others, and no more than that. Such a program in a
// Meson project that has keel's sources is readme_test.cpp's.

#include <fmt/format.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "../support/is_plain.hpp"
#include "../support/process.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream{text};
  std::vector<std::string> result;
  for (std::string line; std::getline(stream, line);) result.push_back(line);
  return result;
}

// The present build, installed into a folder of its own.
struct Installation {
  TemporaryFolder folder;
  fs::path libraries;
  fs::path headers;

  Installation() {
    const char* build = std::getenv("KEEL_BUILD_ROOT");
    const auto done =
        run_command(fmt::format("meson install -C '{}' --no-rebuild --quiet --destdir '{}'",
                                build == nullptr ? "" : build, (folder.path() / "as-installed").string()),
                    folder.path());
    if (done.status != 0) throw std::runtime_error{"meson install: " + done.out + done.err};
    // It may be moved, as by a package.
    fs::rename(folder.path() / "as-installed", folder.path() / "moved");
    for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
      if (entry.path().filename() == "libkeel.so") libraries = entry.path().parent_path();
      if (entry.path().filename() == "keel.hpp") headers = entry.path().parent_path().parent_path();
    }
  }
};

const Installation& installation() {
  static const Installation once;
  return once;
}

// Runs a command in a fresh folder with the sources of the outside project.
Finished run_outside(const std::string& command) {
  const TemporaryFolder folder;
  fs::copy(source_root() / "tests/tools/outside", folder.path());
  const auto& [folder_of_all, libraries, headers] = installation();
  return run_command(
      fmt::format("export PKG_CONFIG_PATH='{0}/pkgconfig' CMAKE_PREFIX_PATH='{1}' LD_LIBRARY_PATH='{0}' "
                  "CXXFLAGS=\"$KEEL_CXXFLAGS\"; {2}",
                  libraries.string(), headers.parent_path().string(), command),
      folder.path());
}

// That the program learned, each time it was run, and knew a ShapeError of the library's for what it is.
void check_program(const Finished& finished, std::size_t times = 1) {
  BOOST_TEST(finished.status == 0, finished.out << finished.err);
  const std::string_view expected = "learned\ncaught: linear(f32 (64, 3), f32 (16, 2)) at program.cpp:";
  std::size_t seen = 0;
  for (auto at = finished.out.find(expected); at != std::string::npos; ++seen)
    at = finished.out.find(expected, at + 1);
  BOOST_TEST(seen == times, finished.out << finished.err);
}

// Of a source file, the keel headers that it includes: "graph/tape.hpp".
std::vector<std::string> keel_headers_in(const fs::path& source) {
  constexpr std::string_view start = "#include \"keel/";
  std::vector<std::string> result;
  for (const auto& line : lines_of(read_file(source))) {
    if (line.starts_with(start)) result.push_back(line.substr(start.size(), line.rfind('"') - start.size()));
  }
  return result;
}

// Where a header of include/keel/ comes from.
fs::path source_of(const std::string& header) {
  return source_root() / (header == "keel.hpp" ? "models/keel.hpp" : header);
}

// All that including `header` includes, itself among it.
void collect_headers(const std::string& header, std::set<std::string>& result) {
  if (!result.insert(header).second) return;
  for (const auto& included : keel_headers_in(source_of(header))) collect_headers(included, result);
}

BOOST_AUTO_TEST_SUITE(install)

BOOST_AUTO_TEST_CASE(the_headers_are_those_that_keel_hpp_and_the_laboratory_lead_to) {
  std::set<std::string> wanted;
  collect_headers("keel.hpp", wanted);
  collect_headers("tools/laboratory.hpp", wanted);
  std::set<std::string> installed;
  const auto root = installation().headers / "keel";
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().extension() == ".hpp") installed.insert(fs::relative(entry.path(), root));
  }
  for (const auto& header : wanted) {
    BOOST_TEST(installed.contains(header),
               header << " is missing: add it to the public_headers of its folder's meson.build, or to "
                         "laboratory_headers of tools/install");
  }
  for (const auto& header : installed) {
    BOOST_TEST(
        wanted.contains(header),
        header << " is installed, but neither keel/keel.hpp nor keel/tools/laboratory.hpp leads to it");
    BOOST_TEST(read_file(root / header) == read_file(source_of(header)), header);
  }
}

BOOST_AUTO_TEST_CASE(every_header_compiles_alone_and_without_onednn,
                     *boost::unit_test::precondition(is_plain)) {
  const auto finished = run_command(
      "find keel -name '*.hpp' | xargs -P 2 -I HEADER sh -c '"
      "echo \"#include <HEADER>\" | "
      "c++ -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I . -MD -MF HEADER.d -x c++ - && "
      "{ ! grep dnnl HEADER.d; } && echo HEADER'",
      installation().headers);
  BOOST_TEST(finished.err == "");
  const auto compiled = lines_of(finished.out);
  BOOST_TEST(std::ranges::count(compiled, "keel/graph/tape.hpp") == 1);
  BOOST_TEST(finished.out.find("dnnl") == std::string::npos, finished.out);
  BOOST_TEST(run_command("find keel -name '*.hpp' | wc -l", installation().headers).out ==
             fmt::format("{}\n", compiled.size()));
}

BOOST_AUTO_TEST_CASE(the_shared_library_exports_what_public_headers_declare) {
  const auto finished = run_command("nm -DC --defined-only libkeel.so", installation().libraries);
  BOOST_REQUIRE(finished.status == 0);
  std::set<std::string> names;
  for (const auto& line : lines_of(finished.out)) names.insert(line.substr(line.find(' ', 17) + 1));
  for (const auto& name : names) {
    bool own = false;
    for (const auto* start : {"", "typeinfo for ", "typeinfo name for ", "vtable for "}) {
      own = own || name.starts_with(start + std::string{"keel::"});
    }
    BOOST_TEST(own, name);
    for (const auto* hidden : {"keel::onednn::", "keel::loops::", "dnnl", "fmt::", "> >::"}) {
      BOOST_TEST(name.find(hidden) == std::string::npos, name);
    }
  }
  for (const auto* name : {"keel::Plan::run()", "typeinfo for keel::ShapeError", "vtable for keel::Operator"})
    BOOST_TEST(names.contains(name), name);
  // Of private headers.
  for (const auto* name : {"keel::lay_out(", "keel::plan_memory(", "keel::padded(", "keel::accumulate("}) {
    BOOST_TEST(names.lower_bound(name)->find(name) != 0U, name);
  }
}

BOOST_AUTO_TEST_CASE(private_headers_hide_what_they_declare) {
  std::set<std::string> public_headers;
  collect_headers("keel.hpp", public_headers);
  for (const auto* folder : {"runtime", "graph", "ops", "models"}) {
    for (const auto& entry : fs::directory_iterator(source_root() / folder)) {
      const auto header = fs::relative(entry.path(), source_root()).string();
      if (!header.ends_with(".hpp") || header == "models/keel.hpp" || public_headers.contains(header))
        continue;
      BOOST_TEST(
          read_file(entry.path()).find("#pragma GCC visibility push(hidden)\n") != std::string::npos,
          header << " is private (keel/keel.hpp does not lead to it) but does not hide what it declares");
    }
  }
}

BOOST_AUTO_TEST_CASE(programs_link_the_shared_library_by_pkg_config) {
  check_program(run_outside(
      "c++ -std=c++20 $CXXFLAGS program.cpp $(pkg-config --cflags --libs keel) -o program && ./program"));
  // Whoever links it needs nothing that it is made of.
  const auto needed = run_outside("pkg-config --libs-only-l keel");
  BOOST_TEST(needed.out.starts_with("-lkeel"));
  BOOST_TEST(needed.out.find("-l", 1) == std::string::npos, needed.out);
}

BOOST_AUTO_TEST_CASE(programs_link_the_static_library_by_pkg_config) {
  check_program(
      run_outside("c++ -std=c++20 $CXXFLAGS program.cpp $(pkg-config --cflags keel) "
                  "$(pkg-config --static --libs keel | sed s/-lkeel/-l:libkeel.a/) -o program && "
                  "unset LD_LIBRARY_PATH && ./program"));
}

BOOST_AUTO_TEST_CASE(a_study_of_ones_own_is_a_program_against_what_is_installed) {
  const auto source = (source_root() / "tools/examples/own_study.cpp").string();
  const auto finished = run_outside(fmt::format(
      "c++ -std=c++20 $CXXFLAGS '{}' $(pkg-config --cflags --libs keel-laboratory) -o study && unset LD_LIBRARY_PATH && "
      "./study study rms-norm --quick --seeds 6 --limit 300 --hidden 16 --optimizer adam --quiet --out results && "
      "grep -o '\"hidden\":\\[16\\]' results/results.json | head -n 1 && ./study report results && "
      "./study study depth --out other",
      source));
  BOOST_TEST(finished.status == 2, finished.out << finished.err);
  BOOST_TEST(finished.out.find("RMS norm - plain") != std::string::npos, finished.out << finished.err);
  BOOST_TEST(finished.out.ends_with("\"hidden\":[16]\nresults/report.html\n"), finished.out);
  BOOST_TEST(finished.err.find("NAME takes rms-norm, all, not 'depth'") != std::string::npos, finished.err);
}

BOOST_AUTO_TEST_CASE(programs_link_either_by_cmake) {
  check_program(run_outside("cmake -G Ninja -B build . && ninja -C build && build/with_shared && "
                            "unset LD_LIBRARY_PATH && build/with_static"),
                2);
}

// Both ways of adding keel's sources are configured, and one is built: that takes as long as keel's library.
BOOST_AUTO_TEST_CASE(its_sources_are_a_part_of_a_cmake_project, *boost::unit_test::precondition(is_plain)) {
  const TemporaryFolder folder;
  const auto configure = [&](const std::string& name, const std::string& keel) {
    fs::create_directory(folder.path() / name);
    std::ofstream{folder.path() / name / "CMakeLists.txt"}
        << "cmake_minimum_required(VERSION 3.25)\nproject(mine CXX)\n"
        << keel << "\nadd_executable(mine ../program.cpp)\ntarget_link_libraries(mine PRIVATE keel::keel)\n";
    return run_command("cmake -G Ninja -S " + name + " -B " + name +
                           "/build -DCMAKE_BUILD_TYPE=Debug "
                           "$(command -v ccache >/dev/null && echo -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)",
                       folder.path());
  };
  fs::copy(source_root() / "tests/tools/outside/program.cpp", folder.path());
  fs::create_directory_symlink(source_root(), folder.path() / "keel");
  const auto fetched = configure("fetched",
                                 "include(FetchContent)\n"
                                 "FetchContent_Declare(keel SOURCE_DIR \"${CMAKE_SOURCE_DIR}/../keel\" "
                                 "SOURCE_SUBDIR tools/cmake)\nFetchContent_MakeAvailable(keel)");
  BOOST_TEST(fetched.status == 0, fetched.out << fetched.err);
  const auto added = configure("added", "add_subdirectory(../keel/tools/cmake keel)");
  BOOST_TEST(added.status == 0, added.out << added.err);
  check_program(run_command("ninja -C added/build && added/build/mine", folder.path()));
}

// Before 1.0 a minor version may break what was written for the one before.
BOOST_AUTO_TEST_CASE(cmake_knows_which_versions_fit) {
  const auto fits = [](const std::string& version) {
    const auto script = fmt::format(
        "echo 'cmake_minimum_required(VERSION 3.25)\nproject(mine NONE)\n"
        "find_package(keel {} REQUIRED PATHS \"{}\")' >CMakeLists.txt && cmake -G Ninja -B build .",
        version, (installation().libraries / "cmake/keel").string());
    return run_outside(script).status == 0;
  };
  for (const auto* version : {"", "0.1", "0.1.0", "0.1.0 EXACT"}) BOOST_TEST(fits(version), version);
  for (const auto* version : {"0.0.9", "0.1.9", "0.10", "1"}) BOOST_TEST(!fits(version), version);
}

BOOST_AUTO_TEST_CASE(the_program_is_installed) {
  const auto finished = run_command("bin/keel --version", installation().headers.parent_path());
  BOOST_TEST(finished.status == 0, finished.err);
  BOOST_TEST(finished.out.starts_with("keel 0."), finished.out);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
