#pragma once

#include <atomic>
#include <cstdio>

#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// Standard output and standard error for as long as the object lives, such that whatever prints needs to
/// think of neither. To be made before anything else is done; what prints goes by `stdout` and `stderr`,
/// never by std::cout.
///
/// What can't be written to standard output is remembered, and told by `finish`, once everything that goes
/// into files is there. What can't be written to standard error is lost: a log on a full disk ends no run.
/// Neither a closed pipe (SIGPIPE) nor a limit on the size of files (SIGXFSZ) ends the program in the midst
/// of its work. Where one of the first three descriptors is closed, no file that is opened later takes its
/// place.
class StandardStreams {
 public:
  StandardStreams();
  ~StandardStreams();
  StandardStreams(const StandardStreams&) = delete;
  StandardStreams& operator=(const StandardStreams&) = delete;

  /// To be called last. Returns the status that the program ends with: `status`, or `failed` if it was to be
  /// `done` and output was lost, which is then said on standard error. If that was since its reader closed
  /// the pipe, the program ends here instead, by SIGPIPE and without a word, as others do; not so where
  /// SIGPIPE was ignored when the program began.
  [[nodiscard]] ExitStatus finish(ExitStatus status);

  /// A file descriptor with the first error of writing to it.
  struct Sink {
    int descriptor;
    bool remembers;  ///< the first error, after which nothing is written
    std::atomic<int> error = 0;
  };

 private:
  bool pipe_ends_program_;
  Sink output_{1, true};
  Sink log_{2, false};
  std::FILE* standard_output_;
  std::FILE* standard_error_;
};

}  // namespace keel::tools
