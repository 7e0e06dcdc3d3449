#include "keel/runtime/write_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "../support/checkpoint_support.hpp"
#include "keel/runtime/error.hpp"

namespace {

namespace fs = std::filesystem;
using keel::test::files_in;
using keel::test::read;

void write_text(const fs::path& path, std::string_view text) {
  const std::array parts{std::as_bytes(std::span{text})};
  keel::write_file(path, parts);
}

// What the Error says that writing throws.
std::string refusal(const fs::path& path) {
  try {
    write_text(path, "new");
  } catch (const keel::Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(write_file_test, keel::test::Folder)

BOOST_AUTO_TEST_CASE(a_file_is_replaced_and_keeps_its_permissions) {
  write_text(path / "file", "old");
  fs::permissions(path / "file", fs::perms::owner_read | fs::perms::owner_write);
  write_text(path / "file", "new");
  BOOST_TEST(read(path / "file") == "new");
  BOOST_TEST((fs::status(path / "file").permissions() == (fs::perms::owner_read | fs::perms::owner_write)));
  BOOST_TEST(files_in(path) == 1);
}

BOOST_AUTO_TEST_CASE(links_are_followed_and_stay) {
  fs::create_directory(path / "folder");
  write_text(path / "folder" / "file", "old");
  fs::create_symlink("folder/file", path / "link");
  fs::create_symlink(path / "link", path / "link to link");
  fs::create_symlink("folder/fresh", path / "dangling");
  write_text(path / "link to link", "new");
  write_text(path / "dangling", "made");
  BOOST_TEST(read(path / "folder" / "file") == "new");
  BOOST_TEST(read(path / "folder" / "fresh") == "made");
  for (const auto* link : {"link", "link to link", "dangling"}) BOOST_TEST(fs::is_symlink(path / link), link);
  BOOST_TEST(files_in(path) == 4);
  BOOST_TEST(files_in(path / "folder") == 2);

  fs::create_symlink("round", path / "about");
  fs::create_symlink("about", path / "round");
  BOOST_TEST(contains(refusal(path / "round"), "round' can't be written: Too many levels"));
}

BOOST_AUTO_TEST_CASE(a_pipe_is_written_to_where_it_is) {
  const auto pipe = path / "pipe";
  BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  BOOST_TEST(
      contains(refusal(pipe), "pipe' can't be written: it is a pipe or socket that nobody reads from"));

  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  BOOST_REQUIRE(reader >= 0);
  write_text(pipe, "through");
  std::array<char, 16> received{};
  const auto count = ::read(reader, received.data(), received.size());
  ::close(reader);
  BOOST_TEST((std::string_view{received.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))} ==
              "through"));
  BOOST_TEST(fs::is_fifo(pipe));
  BOOST_TEST(files_in(path) == 1);
}

// As behind /dev/stdout: /proc has a link to each open file.
BOOST_AUTO_TEST_CASE(an_open_file_is_written_to_and_not_replaced) {
  const auto file = path / "out";
  const int open = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  BOOST_REQUIRE(::write(open, "table, ", 7) == 7);
  write_text("/proc/self/fd/" + std::to_string(open), "json");
  BOOST_TEST(::close(open) == 0);
  BOOST_TEST(read(file) == "table, json");
  BOOST_TEST(files_in(path) == 1);
}

// A node of the test's own like /dev/full, which has never room for anything.
BOOST_AUTO_TEST_CASE(a_device_is_never_replaced) {
  const auto full = path / "full";
  constexpr unsigned memory_devices = 1, always_full = 7;
  if (::mknod(full.c_str(), S_IFCHR | 0600, makedev(memory_devices, always_full)) != 0) {
    BOOST_TEST_MESSAGE("devices can't be made here: not tested");
    return;
  }
  BOOST_TEST(contains(refusal(full), "full' can't be written: "));
  BOOST_TEST(fs::is_character_file(full));
  BOOST_TEST(files_in(path) == 1);
}

BOOST_AUTO_TEST_CASE(a_failure_leaves_nothing_behind) {
  fs::create_directories(path / "folder" / "full");
  BOOST_TEST(contains(refusal(path / "folder"), "folder' can't be written: "));
  BOOST_TEST(contains(refusal(path / "nowhere" / "file"), "nowhere/file' can't be written: No such file"));
  BOOST_TEST(files_in(path) == 1);
  write_text(path / std::string(255, 'x'), "long");
  BOOST_TEST(read(path / std::string(255, 'x')) == "long");
}

// Of a process that was killed nothing holds the lock any more.
BOOST_AUTO_TEST_CASE(temporary_files_are_removed_once_their_writer_is_dead) {
  const auto abandoned = path / ".file.keel-123-4";
  const auto held = path / ".other.keel-123-5";
  const std::array unlike{".file.123.4",    "file.keel-123-4", ".file.keel-123", ".file.keel-1-2-3",
                          ".file.keel-x-1", ".keel-",          ".file.keel--1"};
  for (const auto* name : unlike) std::ofstream{path / name} << "mine";
  fs::create_directory(path / ".folder.keel-1-1");
  std::ofstream{abandoned} << "half";
  const int writer = ::open(held.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  BOOST_REQUIRE(::flock(writer, LOCK_EX) == 0);
  write_text(path / "file", "new");
  BOOST_TEST(!fs::exists(abandoned));
  BOOST_TEST(fs::exists(held));
  for (const auto* name : unlike) BOOST_TEST(fs::exists(path / name), name);
  BOOST_TEST(fs::exists(path / ".folder.keel-1-1"));
  ::close(writer);
  keel::remove_abandoned_files(path);
  BOOST_TEST(!fs::exists(held));
}

// Many processes that write one file and take each other's temporary files for their own to remove.
BOOST_AUTO_TEST_CASE(writers_side_by_side_leave_each_others_files_alone) {
  std::vector<pid_t> writers;
  for (int writer = 0; writer < 4; ++writer) {
    const auto child = ::fork();
    if (child != 0) {
      writers.push_back(child);
      continue;
    }
    bool good = true;
    for (int i = 0; i < 50; ++i) {
      try {
        keel::remove_abandoned_files(path);
        write_text(path / "file", std::string(1000, static_cast<char>('a' + writer)));
      } catch (const keel::Error&) {
        good = false;
      }
    }
    ::_exit(good ? 0 : 1);
  }
  for (const auto writer : writers) {
    int status = 0;
    ::waitpid(writer, &status, 0);
    BOOST_TEST(status == 0);
  }
  BOOST_TEST(read(path / "file").size() == 1000U);
  BOOST_TEST(files_in(path) == 1);
}

BOOST_AUTO_TEST_SUITE_END()
