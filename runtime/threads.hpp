#pragma once

#include <cstdint>

namespace keel {

/// Processors for this process to use: those that its affinity mask allows, no more than the CPU quota of its
/// control groups amounts to, rounded down, and no more than OMP_NUM_THREADS says. At least 1.
int available_processors();

/// How many threads kernels that the calling thread creates and runs may use. A thread starts with as many as
/// OMP_NUM_THREADS says, or with `available_processors` where that is not set. A plan must be run under the
/// same limit as it was compiled under.
///
/// A limit is the calling thread's alone: other threads, those that it starts included, have their own and begin
/// as said above. A plan that was compiled under a limit in one thread, and is to be run by another, must be run
/// under a ThreadLimit there, too.
///
/// A forked child has the limits of its parent, and starts threads of its own.
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

/// As many of `threads` threads, the calling one among them, as the system lets the process have, and as
/// libgomp would give to a parallel region: no more than OMP_THREAD_LIMIT says, one within a parallel region of
/// the program's own, one with OMP_DYNAMIC. The calling thread keeps them. What asks libgomp for more than there
/// can be is ended by it.
int startable_threads(int threads);

namespace detail {

/// `parallel_for` with its body behind a pointer.
void run_in_parts(std::int64_t count, std::int64_t grain,
                  void (*body)(const void* context, std::int64_t begin, std::int64_t end),
                  const void* context);

}  // namespace detail

/// Calls `body(begin, end)` for parts of [0, count) on as many threads as the calling thread's limit allows,
/// part i on thread i, all of a length but for one and at least `grain` long; on the calling thread alone
/// when one part is enough. On fewer when the system has no more threads to give. `body` must not throw.
template <class Body>
void parallel_for(std::int64_t count, std::int64_t grain, const Body& body) {
  const auto call = [](const void* context, std::int64_t begin, std::int64_t end) {
    (*static_cast<const Body*>(context))(begin, end);
  };
  detail::run_in_parts(count, grain, call, &body);
}

}  // namespace keel
