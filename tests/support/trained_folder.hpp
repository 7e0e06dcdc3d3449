#pragma once

// What the tests of the commands on networks share: a folder with the tiny data, and the program in it.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "study_support.hpp"

namespace keel::test {

struct TrainedFolder : StudyFolder {
  /// Runs keel with these arguments, as the shell reads them.
  [[nodiscard]] Finished run(const std::string& arguments) const { return run_keel(arguments, *this / ""); }

  /// Trains on the tiny data, which must go well.
  Finished train(const std::string& arguments) const {
    auto finished = run(fmt::format("train --data tiny --threads 1 {}", arguments));
    BOOST_REQUIRE_MESSAGE(finished.status == 0, arguments << ": " << finished.err);
    return finished;
  }

  /// One sentence on standard error, nothing on standard output, and this status.
  void check_fails(const std::string& arguments, int status, const std::vector<std::string>& parts) const {
    const auto finished = run(arguments);
    BOOST_TEST(finished.status == status, arguments << ": " << finished.err);
    BOOST_TEST(finished.err.starts_with("keel: "), arguments << ": " << finished.err);
    BOOST_TEST(std::ranges::count(finished.err, '\n') == 1, arguments << ": " << finished.err);
    for (const auto& part : parts)
      BOOST_TEST(finished.err.find(part) != std::string::npos, arguments << ": " << finished.err);
    BOOST_TEST(finished.out == "", arguments << ": " << finished.out);
  }

  [[nodiscard]] std::string content(const std::string& name) const { return read_file(*this / name); }
};

/// The objects of a metrics.jsonl.
inline std::vector<tools::Json> metrics_in(const std::string& content) {
  std::vector<tools::Json> result;
  for (std::size_t begin = 0; begin < content.size();) {
    const auto end = content.find('\n', begin);
    BOOST_REQUIRE(end != std::string::npos);
    result.push_back(tools::Json::parse(content.substr(begin, end - begin)));
    begin = end + 1;
  }
  return result;
}

/// The same without times.
inline std::vector<tools::Json> metrics_without_times(const std::string& content) {
  auto result = metrics_in(content);
  for (auto& epoch : result) epoch.erase("seconds");
  return result;
}

}  // namespace keel::test
