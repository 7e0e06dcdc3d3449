// Work that several processes share: claims, and what is made of them.

#include "keel/tools/runs/lease.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "../../support/process.hpp"
#include "../../support/temporary_folder.hpp"
#include "keel/runtime/error.hpp"
#include "keel/tools/runs/shared_work.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;
using namespace std::chrono_literals;

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream{path} << text;
}

struct Shared {
  TemporaryFolder folder;
  std::filesystem::path claim = folder.path() / ".depth.lease";
};

BOOST_FIXTURE_TEST_SUITE(leases, Shared)

BOOST_AUTO_TEST_CASE(one_has_what_another_has_not) {
  LeaseBook one{folder.path(), 60s};
  LeaseBook other{folder.path(), 60s};
  {
    const auto lease = one.claim("depth");
    BOOST_TEST(lease.has_value());
    BOOST_TEST(!other.claim("depth").has_value());
    BOOST_TEST(!one.claim("depth").has_value());
    BOOST_TEST(other.claim("cost").has_value());
  }
  BOOST_TEST(!std::filesystem::exists(claim));
  BOOST_TEST(other.claim("depth").has_value());
}

BOOST_AUTO_TEST_CASE(a_claim_shows_life) {
  LeaseBook book{folder.path(), 200ms};
  const auto lease = book.claim("depth");
  const auto first = read_file(claim);
  BOOST_TEST(!first.empty());
  while (read_file(claim) == first) std::this_thread::sleep_for(10ms);
}

BOOST_AUTO_TEST_CASE(one_that_shows_no_life_is_taken_over) {
  write_text(claim, "another host 1");
  LeaseBook book{folder.path(), 100ms};
  BOOST_TEST(!book.claim("depth").has_value());
  std::this_thread::sleep_for(150ms);
  write_text(claim, "another host 2");
  BOOST_TEST(!book.claim("depth").has_value());
  std::this_thread::sleep_for(150ms);
  BOOST_TEST(book.claim("depth").has_value());
}

// As of a process that was stopped, and finds its claim taken over when it goes on.
BOOST_AUTO_TEST_CASE(what_was_taken_over_is_not_given_back) {
  LeaseBook book{folder.path(), 100ms};
  {
    const auto lease = book.claim("depth");
    write_text(claim, "another host 1");
    std::this_thread::sleep_for(100ms);
  }
  BOOST_TEST(read_file(claim) == "another host 1");
  book.clear();
  BOOST_TEST(!std::filesystem::exists(claim));
}

BOOST_AUTO_TEST_CASE(what_can_not_be_is_an_error) {
  BOOST_CHECK_THROW((LeaseBook{folder.path(), 99ms}), Error);
  LeaseBook book{folder.path() / "missing", 60s};
  BOOST_CHECK_EXCEPTION((void)book.claim("depth"), Error, [](const Error& error) {
    return std::string{error.what()}.find("can't be written: No such file or directory") != std::string::npos;
  });
}

// As processes, each with a book of its own; what is done is found by the others.
BOOST_AUTO_TEST_CASE(each_piece_is_done_once_by_one_of_many) {
  constexpr std::size_t count = 60;
  std::vector<std::size_t> pieces(count);
  std::iota(pieces.begin(), pieces.end(), std::size_t{0});
  std::mutex mutex;
  std::vector<int> done(count);
  const SharedWork work{[](std::size_t piece) { return fmt::format("piece {}", piece); },
                        [&](std::size_t piece) {
                          const std::scoped_lock lock{mutex};
                          return done[piece] > 0;
                        },
                        [&](std::size_t piece) {
                          std::this_thread::sleep_for(1ms);
                          const std::scoped_lock lock{mutex};
                          ++done[piece];
                        }};
  {
    std::vector<std::jthread> processes;
    for (int i = 0; i < 4; ++i)
      processes.emplace_back([&] {
        LeaseBook book{folder.path(), 60s};
        work_together(pieces, work, book, 2, {});
      });
  }
  BOOST_TEST(done == std::vector<int>(count, 1), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_one_thread_throws_ends_the_others) {
  LeaseBook book{folder.path(), 60s};
  LeaseBook other{folder.path(), 60s};
  const auto held = other.claim("1");  // which is waited for
  const SharedWork work{[](std::size_t piece) { return fmt::format("{}", piece); },
                        [](std::size_t) { return false; },
                        [](std::size_t) { throw std::runtime_error{"no disk"}; }};
  const std::array<std::size_t, 2> pieces{0, 1};
  BOOST_CHECK_THROW(work_together(pieces, work, book, 2, {}), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
