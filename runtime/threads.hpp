#pragma once

#include <cstdint>

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
  /// Changes it within the scope of a ThreadLimit.
  static void set(int threads);

 private:
  int previous_;
};

namespace detail {

/// `parallel_for` with its body behind a pointer.
void run_in_parts(std::int64_t count, std::int64_t grain,
                  void (*body)(const void* context, std::int64_t begin, std::int64_t end),
                  const void* context);

}  // namespace detail

/// Calls `body(begin, end)` for parts of [0, count) on as many threads as the calling thread's limit allows,
/// part i on thread i, all of a length but for one and at least `grain` long; on the calling thread alone
/// when one part is enough. `body` must not throw.
template <class Body>
void parallel_for(std::int64_t count, std::int64_t grain, const Body& body) {
  const auto call = [](const void* context, std::int64_t begin, std::int64_t end) {
    (*static_cast<const Body*>(context))(begin, end);
  };
  detail::run_in_parts(count, grain, call, &body);
}

}  // namespace keel
