#pragma once

#include <vector>

#include "keel/tools/studies/batch_views.hpp"

namespace keel::tools {

/// What a batch study shows: by batch size, for each view, final accuracy and epochs to 95 %; then the curves of
/// training and validation loss by view and model.
std::vector<Figure> batch_figures(const BatchRuns& runs);

}  // namespace keel::tools
