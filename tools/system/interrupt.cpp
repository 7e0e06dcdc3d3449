#include "keel/tools/system/interrupt.hpp"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <system_error>

namespace keel::tools {
namespace {

// SIGINT is taken even where it was ignored, as it is in a shell's background: who sends it means it.
sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  for (const int signal : {SIGTERM, SIGHUP, SIGXCPU}) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) sigaddset(&set, signal);
  }
  return set;
}

void end_by(int signal) {
  std::signal(signal, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  std::raise(signal);
}

}  // namespace

Interrupt::Interrupt() : signal_(SIGINT) {
  const auto set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  try {
    watcher_ = std::jthread{[this](const std::stop_token& end) { watch(end); }};
  } catch (const std::system_error& error) {
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    fmt::print(stderr,
               "keel: Ctrl-C will end the program at once, since no thread can be had to wait for it: {}\n",
               error.code().message());
  }
}

Interrupt::~Interrupt() {
  if (!watcher_.joinable()) return;
  watcher_.request_stop();
  pthread_kill(watcher_.native_handle(), SIGINT);  // wakes it
  watcher_.join();
  const auto set = ending_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

std::stop_token Interrupt::token() const {
  heeded_ = true;
  return source_.get_token();
}

void Interrupt::watch(const std::stop_token& end) {
  const auto set = ending_signals();
  std::chrono::steady_clock::time_point requested;
  for (;;) {
    const int signal = sigwaitinfo(&set, nullptr);
    if (end.stop_requested()) return;
    if (signal < 0) continue;
    const auto now = std::chrono::steady_clock::now();
    if (!heeded_ || (source_.stop_requested() && now - requested >= std::chrono::seconds{1})) end_by(signal);
    if (source_.stop_requested()) continue;
    requested = now;
    signal_ = signal;
    source_.request_stop();
  }
}

}  // namespace keel::tools
