#pragma once

#include <chrono>

namespace keel {

/// Whether other programs keep a plan's threads from running, told from how long its runs take.
///
/// Threads that work together wait for each other many times in a step. When another program has one's
/// processor, all wait, and spin through the time that they are given. A plan then does better on one thread
/// for a while. This decides about speed alone: see `Plan` for why the results are the same.
class Crowding {
 public:
  using Duration = std::chrono::duration<double, std::micro>;

  /// Of a plan that takes about `estimate` on one thread. An estimate that is far off costs a little time.
  explicit Crowding(Duration estimate) : usual_(estimate) {}

  /// Whether the next run should be on one thread.
  [[nodiscard]] bool yields() const { return rest_.count() > 0.0; }

  /// Takes note of a run: on one thread if `yields` said so, otherwise on several.
  void note(Duration run);

 private:
  // A mean over about the last tenth of a second.
  class RecentMean {
   public:
    void add(Duration run);
    [[nodiscard]] Duration mean() const { return time_ / runs_; }

   private:
    Duration time_{};
    double runs_ = 0.0;
  };

  void note_several(Duration run);
  void note_one(Duration run);

  static constexpr Duration least_patience{8e3};
  Duration usual_;                     // of a run on several threads that nothing disturbs
  Duration lost_{};                    // lately, to runs that took longer
  Duration rest_{};                    // running time still to be spent on one thread
  Duration patience_{least_patience};  // the loss that is borne
  RecentMean several_;
  Duration one_time_{};  // of the runs on one thread since the last change
  int one_runs_ = 0;
  bool compared_ = false;  // these with those on several
};

}  // namespace keel
