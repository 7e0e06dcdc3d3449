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

/// Throws Error where a parameter that `parts` do not name has another element type on `tape` than those that
/// they name, saying that `error` came of it. For recordings in which only the named ones were converted.
void require_one_type(const Error& error, const Tape& tape, std::span<const ModelPart> parts);

/// From now on layers on `tape` change no statistics but those that are among `parts`: a step leaves other
/// models as they are.
void leave_others_alone(Tape& tape, std::span<const ModelPart> parts);

/// Leaves those of `trained` that `loss` depends on, but for what flows through a `stop_gradient`.
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

/// What `record` returns, of a model whose visited parameters alone were converted to another element type; where
/// one was left out, the error says so, rather than what came of it.
template <class Model, class Record>
auto recorded_by_visit(Model& model, std::span<const Var> vars, const Record& record) {
  const auto parts = parts_of(model);
  try {
    auto result = recorded(model, record);
    require_visited(vars.front().tape(), parts);
    return result;
  } catch (const NoValuesError&) {
    throw;
  } catch (const Error& error) {
    if (vars.empty()) throw;
    require_visited(vars.front().tape(), parts);
    require_one_type(error, vars.front().tape(), parts);
    throw;
  }
}

}  // namespace keel::detail
