#pragma once

#include <vector>

#include "keel/tools/studies/batch_views.hpp"

namespace keel::tools {

/// What a batch study shows: curves of loss by view and model, then final accuracy and steps to 95 % by batch
/// size.
std::vector<Figure> batch_figures(const BatchRuns& runs);

/// A table of numbers for each view, and one of the trade-offs in words.
std::vector<Table> batch_tables(const BatchRuns& runs);

/// `batch_sizes` of the summary: by view, model and batch size, mean and standard deviation of the final
/// validation accuracy and loss.
Json batch_summary(const BatchRuns& runs);

}  // namespace keel::tools
