#pragma once

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "process.hpp"

namespace keel::test {

/// That a command line was refused in one sentence with these parts, and did nothing.
inline void check_refused(const Finished& finished, const std::vector<std::string>& parts) {
  BOOST_TEST(finished.status == 2, finished.err);
  BOOST_TEST(finished.err.starts_with("keel: "), finished.err);
  BOOST_TEST(std::ranges::count(finished.err, '\n') == 1, finished.err);
  for (const auto& part : parts) BOOST_TEST(finished.err.find(part) != std::string::npos, finished.err);
  BOOST_TEST(finished.out.empty());
}

}  // namespace keel::test
