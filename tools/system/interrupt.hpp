#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace keel::tools {

/// Turns Ctrl-C, and the signals by which batch systems, shutdowns and closed terminals end a program
/// (SIGTERM, SIGHUP, SIGXCPU), into a request to stop, so that what is finished can be kept. A second one, a
/// second after the first or later, ends the program at once, as does the first as long as nothing has asked for the
/// `token`: who ends a program and then its group, as `timeout` does, means one. To be made
/// before any other thread: these inherit that the signals are not for them. SIGTERM, SIGHUP and SIGXCPU stay
/// ignored where they were (`nohup`).
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// What is done from now on ends soon after a stop is requested.
  [[nodiscard]] std::stop_token token() const;
  [[nodiscard]] bool requested() const { return source_.stop_requested(); }
  /// The signal that requested it; SIGINT if none did.
  [[nodiscard]] int signal() const { return signal_; }

 private:
  void watch(const std::stop_token& end);

  std::stop_source source_;
  mutable std::atomic<bool> heeded_ = false;
  std::atomic<int> signal_;
  std::jthread watcher_;
};

}  // namespace keel::tools
