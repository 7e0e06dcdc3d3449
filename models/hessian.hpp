#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "keel/graph/tape.hpp"
#include "keel/models/call.hpp"
#include "keel/models/compiled_function.hpp"
#include "keel/models/lanczos.hpp"
#include "keel/models/model_watch.hpp"
#include "keel/models/parameter.hpp"
#include "keel/models/visit_check.hpp"

namespace keel {

/// The Hessian of `loss`, a scalar, by `wrt`, times `vectors`, one of the shape of each: two backward passes,
/// in memory linear in the number of parameters (Pearlmutter 1994). Throws as `gradients` does.
std::vector<Var> hessian_vector_product(const Var& loss, std::span<const Var> wrt,
                                        std::span<const Var> vectors,
                                        const SourceLocation& where = SourceLocation::current());

namespace detail {

/// Those that are trained and not frozen.
std::vector<NamedParameter> trained_of(const std::vector<NamedParameter>& parameters);

/// The product of the Hessian of `loss` by these, one of the first values of `vectors` for each.
std::vector<Var> record_hessian(std::span<const NamedParameter> trained, const Var& loss,
                                std::span<const Var> vectors, const SourceLocation& where);

}  // namespace detail

/// The Hessian of a model's loss on one batch by all its trained parameters that are not frozen, which is
/// never formed: times a vector, and its largest eigenvalues, of which the first is the sharpness of the
/// loss.
///
/// Model, loss, inputs and targets are as for a TrainingStep, in training mode: batch norm's statistics are
/// functions of the parameters, and differentiated as such. Parameters, running statistics and random streams
/// stay as they are. The model is used by reference; what is done to it is followed as by a TrainingStep.
class Hessian {
 public:
  template <class Model, class Loss>
  Hessian(Model& model, Loss loss, const std::vector<Tensor>& inputs, const std::vector<Tensor>& targets,
          const SourceLocation& where = SourceLocation::current())
      : parameters_([&model] { return parameters(model); }),
        batch_(inputs),
        function_(Mode::training,
                  [&model, loss, taken = inputs.size(), batch = inputs.size() + targets.size(), where](
                      Tape&, std::span<const Var> given) {
                    const auto record = [&] {
                      const auto predictions = detail::call_model(model, given.first(taken), where);
                      const auto of_loss = given.subspan(taken, batch - taken);
                      return detail::call_loss(loss, predictions, of_loss, where);
                    };
                    const Var value = detail::recorded_by_visit(model, given, record);
                    return detail::record_hessian(detail::trained_of(parameters(model)), value,
                                                  given.subspan(batch), where);
                  }),
        watch_(model) {
    batch_.insert(batch_.end(), targets.begin(), targets.end());
  }

  /// The number of parameters: rows and columns.
  [[nodiscard]] std::size_t size() const;

  /// The product with `vector`, whose elements are those of the parameters, one after the other in the order
  /// of `parameters`. Throws ShapeError when it does not have `size` elements.
  std::vector<double> times(std::span<const double> vector);

  /// The `count` largest eigenvalues by magnitude, largest first, by Lanczos' iteration with all vectors kept
  /// orthogonal. Fewer where `iterations` or `size` is less. One that is there several times may be found
  /// once when the iteration ends by `tolerance`; with `iterations` of `size` and a tolerance of 0 all are
  /// found. Throws NonFiniteError when the Hessian is not finite.
  std::vector<double> largest_eigenvalues(std::size_t count, const LanczosOptions& options = {});

  /// The same with their vectors, whose elements are those of the parameters as in `times`. Eigenvalues that
  /// are alike, or were not waited for, have vectors that are only roughly theirs.
  std::vector<Eigenpair> largest_eigenpairs(std::size_t count, const LanczosOptions& options = {});

 private:
  std::vector<Eigenpair> eigenpairs(std::size_t count, const LanczosOptions& options, bool vectors);

  std::function<std::vector<NamedParameter>()> parameters_;
  std::vector<Tensor> batch_;
  CompiledFunction function_;
  ModelWatch watch_;
};

}  // namespace keel
