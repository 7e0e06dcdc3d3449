#pragma once

// What a study of one's own is written with: see tools/examples/own_study.cpp.

#include "keel/tools/commands/own_studies.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/design.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/studies/comparison.hpp"
#include "keel/tools/training/model_training.hpp"
