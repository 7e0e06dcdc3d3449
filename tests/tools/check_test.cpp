// How tools/check refuses what it can't do. The rest of it runs these tests.

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "../support/process.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;

Finished check(const std::string& arguments) {
  return run_command("tools/check " + arguments, source_root());
}

void check_contains(const std::string& text, const std::string& part) {
  BOOST_TEST(text.find(part) != std::string::npos, part << " is not in " << text);
}

BOOST_AUTO_TEST_SUITE(check_script)

BOOST_AUTO_TEST_CASE(help_names_every_option) {
  const auto finished = check("--help");
  BOOST_TEST(finished.status == 0);
  for (const auto* option : {"--sanitize", "--differential MINUTES", "--fuzz SECONDS", "--style",
                             "--on debian-12|debian-13", "--root", "--mirror"})
    check_contains(finished.out, option);
}

BOOST_AUTO_TEST_CASE(unknown_options_and_distributions) {
  const auto option = check("--everything");
  BOOST_TEST(option.status == 2);
  check_contains(option.err, "unknown option '--everything'");
  const auto minutes = check("--differential soon");
  BOOST_TEST(minutes.status == 2);
  check_contains(minutes.err, "--differential takes a whole number of minutes, not 'soon'");
  const auto seconds = check("--fuzz long");
  BOOST_TEST(seconds.status == 2);
  check_contains(seconds.err, "a whole number of seconds is wanted, not 'long'");
  BOOST_TEST(check("--fuzz").status == 2);
  const auto distribution = check("--on fedora-41");
  BOOST_TEST(distribution.status == 2);
  check_contains(distribution.err, "unknown distribution 'fedora-41'; --on takes debian-12 or debian-13");
  BOOST_TEST(check("--on").status == 2);
  BOOST_TEST(check("--on debian-13 --root").status == 2);
  const auto style = check("--on debian-13 --style");
  BOOST_TEST(style.status == 2);
  check_contains(style.err, "unknown option '--style'");
}

BOOST_AUTO_TEST_CASE(another_debian_needs_root) {
  const TemporaryFolder folder;
  std::ofstream{folder.path() / "id"} << "#!/bin/sh\necho 1000\n";
  fs::permissions(folder.path() / "id", fs::perms::owner_all);
  const auto finished =
      run_command("PATH=" + folder.path().string() + ":$PATH tools/check --on debian-13", source_root());
  BOOST_TEST(finished.status == 1);
  check_contains(finished.err, "needs root for it: sudo tools/check --on debian-13");
}

BOOST_AUTO_TEST_CASE(another_debian_is_not_made_among_other_files) {
  const TemporaryFolder folder;
  std::ofstream{folder.path() / "id"} << "#!/bin/sh\necho 0\n";
  fs::permissions(folder.path() / "id", fs::perms::owner_all);
  const auto path = folder.path().string();
  const auto finished =
      run_command("PATH=" + path + ":$PATH tools/check --on debian-13 --root " + path, source_root());
  BOOST_TEST(finished.status == 1);
  check_contains(finished.err, "neither empty nor a Debian");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
