#pragma once

#include <cstdint>
#include <functional>

namespace keel {

/// Processors that this process may run on.
int available_processors();

/// How many threads kernels that the calling thread creates and runs may use. Threads start with all
/// processors. A plan must be run under the same limit as it was compiled under.
class ThreadLimit {
 public:
  /// Sets the limit of the calling thread until the end of the scope. Throws Error when `threads` is below 1.
  explicit ThreadLimit(int threads);
  ~ThreadLimit();
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

  /// The calling thread's present limit.
  static int current();

 private:
  int previous_;
};

/// Calls `body(begin, end)` for parts of [0, count) on as many threads as the calling thread's limit allows,
/// each part at least `grain` long and starting at a multiple of `grain`; on the calling thread alone when
/// one part is enough.
void parallel_for(std::int64_t count, std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t)>& body);

}  // namespace keel
