#pragma once

#include "keel/tools/training/run.hpp"

namespace keel::test {

/// `planted_run` of the study `shift`.
tools::RunResult planted_shift_run(const tools::RunSettings& settings, double effect);

}  // namespace keel::test
