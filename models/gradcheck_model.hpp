#pragma once

#include <concepts>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "keel/graph/gradcheck.hpp"
#include "keel/models/call.hpp"
#include "keel/models/parameter.hpp"
#include "keel/models/visit_check.hpp"

namespace keel {

namespace detail {

/// Throws NoValuesError for one that is undefined.
void require_batch(std::span<const Tensor> inputs, std::span<const Tensor> targets,
                   const SourceLocation& where);

/// Of a model and its loss given as a function of the inputs and targets, behind one another.
GradcheckReport gradcheck_model(std::span<const NamedParameter> parameters,
                                const std::function<Var(std::span<const Var>)>& function,
                                GradcheckOptions options);

}  // namespace detail

/// Checks the gradient of every trained parameter of a model, for a batch `inputs` and its `targets`: a line
/// each, by its path ("fc1.weights (128, 784): agrees; ..."). The loss is the one of a TrainingStep. What is
/// checked, and how strictly, is that of `gradcheck` of a function; the model's inputs are not differentiated,
/// and `options.inputs` and `options.frozen` are not used.
///
/// The model must be initialized. It is checked in f64 at the values that it has, whichever type they have,
/// and each operator in f32 as well; in the end its parameters, running statistics and random streams are as
/// they were. Throws what recording and running the model throw, and as a TrainingStep does for a parameter that
/// the model's `visit` leaves out. What belongs to another model, such as a teacher, stays as it is: it must be
/// f64, and is then not run in f32.
template <class Model, class Loss>
GradcheckReport gradcheck(Model& model, const Loss& loss, const std::vector<Tensor>& inputs,
                          const std::vector<Tensor>& targets, GradcheckOptions options = {},
                          const SourceLocation& where = SourceLocation::current()) {
  detail::require_batch(inputs, targets, where);
  options.inputs = inputs;
  options.inputs.insert(options.inputs.end(), targets.begin(), targets.end());
  const std::function<Var(std::span<const Var>)> function = [&](std::span<const Var> vars) {
    const auto record = [&] {
      const auto predictions = detail::call_model(model, vars.first(inputs.size()), where);
      return detail::call_loss(loss, predictions, vars.subspan(inputs.size()), where);
    };
    return detail::recorded_by_visit(model, vars, record);
  };
  return detail::gradcheck_model(parameters(model), function, std::move(options));
}

/// The same for one input and one target.
template <class Model, class Loss, std::same_as<Tensor> T>
GradcheckReport gradcheck(Model& model, const Loss& loss, const T& input, const T& target,
                          GradcheckOptions options = {},
                          const SourceLocation& where = SourceLocation::current()) {
  return gradcheck(model, loss, std::vector<Tensor>{input}, std::vector<Tensor>{target}, std::move(options),
                   where);
}

}  // namespace keel
