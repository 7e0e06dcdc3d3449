#pragma once

#include <string>
#include <string_view>

#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {

/// Why a command can't be done, as the program says it; of status `done` if it can.
struct Failure {
  ExitStatus status = ExitStatus::done;
  std::string sentence = {};
};

/// The failure that the exception is that is being handled.
Failure present_failure();

/// A failure as text, for another rank.
std::string to_text(const Failure& failure);
/// Reads such a text back.
Failure failure_in(std::string_view text);

/// Says on standard error why the program ends.
void say(std::string_view sentence);

}  // namespace keel::tools
