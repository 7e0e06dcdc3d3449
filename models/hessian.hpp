#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "keel/graph/plan.hpp"
#include "keel/graph/tape.hpp"
#include "keel/models/call.hpp"
#include "keel/models/parameter.hpp"
#include "keel/models/visit_check.hpp"

namespace keel {

/// The Hessian of `loss`, a scalar, by `wrt`, times `vectors`, one of the shape of each: two backward passes,
/// in memory linear in the number of parameters (Pearlmutter 1994). Throws as `gradients` does.
std::vector<Var> hessian_vector_product(const Var& loss, std::span<const Var> wrt,
                                        std::span<const Var> vectors,
                                        const SourceLocation& where = SourceLocation::current());

/// How `Hessian::largest_eigenvalues` looks for them.
struct LanczosOptions {
  std::size_t iterations = 60;  ///< the most products that are taken
  double tolerance = 1e-4;      ///< of the largest one: it ends when the last iteration changed none by more
  std::uint64_t seed = 1;       ///< of the vector that it starts from
};

/// The Hessian of a model's loss on one batch by all its trained parameters that are not frozen, which is never
/// formed: times a vector, and its largest eigenvalues, of which the first is the sharpness of the loss.
///
/// Model, inputs and targets are as for a TrainingStep, in training mode: batch norm's statistics are functions
/// of the parameters, and differentiated as such. Parameters, running statistics and random streams stay as they
/// are. The model is used by reference, at the values that it has at each call.
class Hessian {
 public:
  template <class Model, class Loss>
  Hessian(Model& model, const Loss& loss, const std::vector<Tensor>& inputs,
          const std::vector<Tensor>& targets, const SourceLocation& where = SourceLocation::current())
      : Hessian(
            parameters(model), inputs, targets,
            [&](std::span<const Var> vars) {
              const auto record = [&] {
                const auto predictions = detail::call_model(model, vars.first(inputs.size()), where);
                return detail::call_loss(loss, predictions, vars.subspan(inputs.size()), where);
              };
              return detail::recorded_by_visit(model, vars, record);
            },
            where) {}

  /// The number of parameters: rows and columns.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// The product with `vector`, whose elements are those of the parameters, one after the other in the order of
  /// `parameters`. Throws ShapeError when it has not `size` elements.
  std::vector<double> times(std::span<const double> vector);

  /// The `count` largest eigenvalues by magnitude, largest first, by Lanczos' iteration with all vectors kept
  /// orthogonal. Fewer where `iterations` or `size` is less. Throws NonFiniteError when the Hessian is not
  /// finite.
  std::vector<double> largest_eigenvalues(std::size_t count, const LanczosOptions& options = {});

 private:
  Hessian(const std::vector<NamedParameter>& parameters, const std::vector<Tensor>& inputs,
          const std::vector<Tensor>& targets, const std::function<Var(std::span<const Var>)>& loss,
          const SourceLocation& where);

  std::size_t size_ = 0;
  std::unique_ptr<Tape> tape_;
  std::vector<Tensor> vectors_;
  std::vector<Tensor> kept_;  // what a run may write to: statistics and random streams
  std::optional<Plan> plan_;
};

}  // namespace keel
