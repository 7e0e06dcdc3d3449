#include "keel/tools/system/interrupt.hpp"

#include <csignal>
#include <ctime>

namespace keel::tools {
namespace {

sigset_t interrupts() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

Interrupt::Interrupt() {
  const auto set = interrupts();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  watcher_ = std::jthread{[this](const std::stop_token& end) { watch(end); }};
}

Interrupt::~Interrupt() {
  watcher_.request_stop();
  watcher_.join();
  const auto set = interrupts();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void Interrupt::watch(const std::stop_token& end) {
  const auto set = interrupts();
  const timespec tenth_of_a_second{.tv_sec = 0, .tv_nsec = 100'000'000};
  while (!end.stop_requested()) {
    if (sigtimedwait(&set, nullptr, &tenth_of_a_second) != SIGINT) continue;
    if (source_.stop_requested()) {
      std::signal(SIGINT, SIG_DFL);
      pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
      std::raise(SIGINT);
    }
    source_.request_stop();
  }
}

}  // namespace keel::tools
