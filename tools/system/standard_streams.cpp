#include "keel/tools/system/standard_streams.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

namespace keel::tools {
namespace {

// A folder can't be written to, so that output to it is noticed as lost.
void occupy_closed_descriptors() {
  for (;;) {
    const int descriptor = ::open("/", O_RDONLY | O_DIRECTORY);  // the lowest number that is free
    if (descriptor <= STDERR_FILENO && descriptor >= 0) continue;
    if (descriptor >= 0) ::close(descriptor);
    return;
  }
}

// The error, or 0. Waits where the other end of a pipe asked for that not to be done.
int write_all(int descriptor, const char* bytes, std::size_t size) {
  while (size > 0) {
    const auto count = ::write(descriptor, bytes, size);
    if (count >= 0) {
      bytes += count;
      size -= static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      pollfd writable{.fd = descriptor, .events = POLLOUT, .revents = 0};
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

// Says of everything that it was written: fmt would throw, wherever it happens to be called.
ssize_t write_to_sink(void* cookie, const char* bytes, std::size_t size) {
  auto& sink = *static_cast<StandardStreams::Sink*>(cookie);
  if (sink.error != 0) return static_cast<ssize_t>(size);
  const int error = write_all(sink.descriptor, bytes, size);
  if (sink.remembers) sink.error = error;
  return static_cast<ssize_t>(size);
}

std::FILE* stream_into(StandardStreams::Sink& sink, int buffering) {
  auto* const stream =
      ::fopencookie(&sink, "w", {.read = nullptr, .write = write_to_sink, .seek = nullptr, .close = nullptr});
  if (stream != nullptr) std::setvbuf(stream, nullptr, buffering, 0);
  return stream;
}

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

StandardStreams::StandardStreams()
    : pipe_ends_program_(!is_ignored(SIGPIPE)), standard_output_(stdout), standard_error_(stderr) {
  occupy_closed_descriptors();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  if (auto* const stream = stream_into(output_, ::isatty(STDOUT_FILENO) == 1 ? _IOLBF : _IOFBF))
    stdout = stream;
  if (auto* const stream = stream_into(log_, _IONBF)) stderr = stream;
}

StandardStreams::~StandardStreams() {
  if (stdout != standard_output_) std::fclose(stdout);
  if (stderr != standard_error_) std::fclose(stderr);
  stdout = standard_output_;
  stderr = standard_error_;
}

ExitStatus StandardStreams::finish(ExitStatus status) {
  std::fflush(stdout);
  // Some file systems say only now that there was no room.
  if (output_.error == 0 && ::close(STDOUT_FILENO) != 0) output_.error = errno;
  if (output_.error == 0) return status;
  if (output_.error == EPIPE && pipe_ends_program_ && status == ExitStatus::done) {
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
  }
  if (output_.error == EBADF) {
    fmt::print(stderr, "keel: standard output is closed, and what belongs there is lost\n");
  } else {
    fmt::print(stderr, "keel: standard output can't be written: {}\n",
               std::generic_category().message(output_.error));
  }
  return status == ExitStatus::done ? ExitStatus::failed : status;
}

}  // namespace keel::tools
