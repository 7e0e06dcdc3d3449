// Runs that did not do what their study counts on.

#include <boost/test/unit_test.hpp>

#include "../../support/planted_study.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

BOOST_AUTO_TEST_SUITE(study_censoring)

BOOST_AUTO_TEST_CASE(folding_that_changes_a_prediction_is_worth_nothing) {
  Planted planted{"inference"};
  BOOST_TEST((planted.finding("batch norm / folded").verdict == Verdict::supported));
  planted.runs[2].measures["folded_changed_predictions"] = {1.0};
  BOOST_TEST((planted.finding("batch norm / folded").verdict == Verdict::not_shown));
  BOOST_TEST((planted.judge().front().verdict == Verdict::supported));
  const auto note = planted.finding("batch norm / folded").note;
  BOOST_TEST(note.starts_with("1 prediction"), note);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
