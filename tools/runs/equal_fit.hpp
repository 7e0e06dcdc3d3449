#pragma once

#include "keel/tools/training/run.hpp"

namespace keel::tools {

// Regularization is seen at equal fit: by the test loss of runs where their training losses are the same. A run has
// both as the measures "train_loss" and "test_loss", in inference mode, look by look.

/// The test loss where the training loss first falls to `level`, interpolated in its logarithm between two looks;
/// NaN if it never does.
double test_loss_at(const RunResult& run, double level);

/// The lowest training loss that was looked at; NaN if none was.
double lowest_training_loss(const RunResult& run);

}  // namespace keel::tools
