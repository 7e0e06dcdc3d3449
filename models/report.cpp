#include "keel/models/report.hpp"

#include <fmt/format.h>

#include <utility>

#include "keel/graph/tape.hpp"
#include "keel/models/call.hpp"
#include "keel/runtime/error.hpp"

namespace keel {

void report(std::string name, const Var& value, const SourceLocation& where) {
  Tape& tape = value.tape();
  if (tape.reports().contains(name)) {
    throw Error{fmt::format("report at {}: something is reported as '{}' already: give this another name",
                            describe(where), name)};
  }
  tape.report(std::move(name), detail::computed(value, where));
}

}  // namespace keel
