#pragma once

#include <stop_token>
#include <thread>

namespace keel::tools {

/// Turns Ctrl-C into a request to stop, so that what is finished can be kept. A second one ends the program
/// at once. To be made before any other thread: these inherit that SIGINT is not for them.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  [[nodiscard]] bool requested() const { return source_.stop_requested(); }

 private:
  void watch(const std::stop_token& end);

  std::stop_source source_;
  std::jthread watcher_;
};

}  // namespace keel::tools
