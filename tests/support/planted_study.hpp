#pragma once

// A study with results of known effect, to be changed and judged.

#include <boost/test/unit_test.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "keel/tools/runs/study.hpp"
#include "keel/tools/studies/registry.hpp"
#include "keel/tools/system/json.hpp"
#include "planted_runs.hpp"

namespace keel::test {

struct Planted {
  explicit Planted(const std::string& name, double effect = 1.0)
      : study{*tools::find_study(name)}, runs{planted_runs(study, effect)} {}

  void change(const std::string& model, const std::function<void(tools::RunResult&)>& change) {
    for (auto& run : runs)
      if (run.settings.model == model) change(run);
  }
  [[nodiscard]] std::vector<tools::Finding> judge() const { return study.judge(runs); }
  /// The first with this in its name.
  [[nodiscard]] tools::Finding finding(const std::string& part) const {
    for (auto& finding : judge())
      if (finding.endpoint.name.find(part) != std::string::npos) return finding;
    throw std::out_of_range{part};
  }

  const tools::Study& study;
  std::vector<tools::RunResult> runs;
};

inline void check_note(const std::string& note, const std::vector<std::string>& parts) {
  for (const auto& part : parts) BOOST_TEST(note.find(part) != std::string::npos, note);
}

inline void check_crash_free(const Planted& planted) {
  BOOST_TEST(!planted.study.figures(planted.runs).empty());
  static_cast<void>(planted.study.tables(planted.runs));
  BOOST_TEST(planted.study.summary(planted.runs).is_object());
}

}  // namespace keel::test
