#pragma once

#include <span>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/parameter.hpp"

namespace keel::detail {

// What a model computes with, and its `visit` leaves out, is neither initialized nor trained nor saved; what it
// visits and does not compute with has no part in a step.

/// Throws `error` anew, saying more: the path of the parameter that has no values, or that the model's visit
/// leaves it out, where the model that consists of `parts` has been initialized.
[[noreturn]] void explain(const NoValuesError& error, std::span<const ModelPart> parts);

/// Throws Error for a parameter that the model computes with on `tape`, that is to be trained and that lies in
/// the model, or in a part of it, but is not among its `parts`. What is frozen may be left out.
void require_visited(const Tape& tape, std::span<const ModelPart> parts);

/// Leaves those of `trained` that `loss` depends on.
void keep_what_matters(const Var& loss, std::vector<Var>& trained);

/// What `record` returns; where a parameter had no values, the error is explained.
template <class Model, class Record>
auto recorded(Model& model, const Record& record) {
  try {
    return record();
  } catch (const NoValuesError& error) {
    if constexpr (has_parts<Model>) explain(error, parts_of(model));
    throw;
  }
}

}  // namespace keel::detail
