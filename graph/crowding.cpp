#include "keel/graph/crowding.hpp"

#include <algorithm>

namespace keel {

void Crowding::RecentMean::add(Duration run) {
  constexpr Duration memory{100e3};
  const double kept = memory / (memory + run);
  time_ = kept * time_ + run;
  runs_ = kept * runs_ + 1.0;
}

void Crowding::note(Duration run) {
  if (yields()) {
    note_one(run);
  } else {
    note_several(run);
  }
}

// A time slice of another program is milliseconds long. A delay below that, or below half of a long run, is
// taken for the plan's own doing: cold memory, a slower clock. So is the loss of a tenth of the time.
void Crowding::note_several(Duration run) {
  constexpr Duration own_doing{1e3};
  constexpr double borne = 0.1;
  several_.add(run);
  usual_ = std::min(run, 1.001 * usual_);
  if (run > 1.5 * usual_ + own_doing) lost_ += run - usual_;
  lost_ = std::max(lost_ - borne * run, Duration{});
  if (lost_ <= patience_) return;
  constexpr double share = 40.0;  // so that looking whether others have ended costs a fortieth
  rest_ = share * lost_;
  one_time_ = {};
  one_runs_ = 0;
  compared_ = false;
}

// One thread may be slower than several that are disturbed, above all where there are many.
void Crowding::note_one(Duration run) {
  constexpr int compared_runs = 8;
  constexpr Duration compared_time{30e3};
  one_time_ += run;
  ++one_runs_;
  rest_ -= run;
  if (!compared_ && one_runs_ >= compared_runs && one_time_ >= compared_time) {
    compared_ = true;
    const bool pays = one_time_ / one_runs_ < several_.mean();
    constexpr Duration most_patience{1e6};
    patience_ = pays ? least_patience : std::min(2.0 * patience_, most_patience);
    if (!pays) {
      rest_ = {};
      usual_ = std::max(usual_, several_.mean());  // nobody is there: the estimate was too low
    }
  }
  if (!yields()) lost_ = {};
}

}  // namespace keel
