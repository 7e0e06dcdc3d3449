#pragma once

#include <concepts>
#include <functional>
#include <span>
#include <utility>

#include "keel/graph/var.hpp"
#include "keel/models/call.hpp"
#include "keel/models/parameter.hpp"
#include "keel/models/visit_check.hpp"
#include "keel/runtime/communicator.hpp"
#include "keel/runtime/source_location.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

/// What is done with a batch, and what hands every batch of a training set to it, the same ones each time.
using BatchConsumer = std::function<void(const Tensor& batch)>;
using BatchSource = std::function<void(const BatchConsumer& consume)>;

/// `population_statistics` of a model given as a function and the parameters in it.
void population_statistics(const std::function<Var(const Var&)>& model,
                           std::span<const NamedParameter> parameters, const BatchSource& batches,
                           const Communicator& ranks);

/// Sets the running statistics of every batch norm in `model` to those of a whole training set under the
/// present weights (Ioffe and Szegedy 2015, algorithm 2): per feature the mean, and the unbiased variance, of
/// what reaches the layer in inference. The layers are done in the order of the forward pass, each with the
/// final statistics of those before it, so that the set is gone through once a layer. However the set is
/// divided into batches, the numbers are the same but for the rounding of what the layers before compute:
/// sums are kept in double, and batches combined by the formula of Chan, Golub and LeVeque 1979.
///
/// `batches` is a range of tensors, or a callable that hands each of its tensors to the consumer that it is
/// given; it is gone through several times. All other parameters, the counts of updates and frozen statistics
/// stay as they are. Throws Error for a layer that is applied more than once, since its statistics would
/// depend on themselves, for a set of fewer than two values a feature, or one that changes between passes;
/// NonFiniteError when a statistic is not finite. `where` stands in errors for a bare layer of keel's.
/// Whatever is thrown, the statistics are as they were before. Of several `ranks` each goes through a part of the
/// set, at least one batch, and all get the statistics of the whole.
template <class Model, class Batches>
void population_statistics(Model& model, Batches&& batches, const Communicator& ranks,
                           const SourceLocation& where = SourceLocation::current()) {
  const BatchSource source = [&](const BatchConsumer& consume) {
    if constexpr (std::invocable<Batches&, const BatchConsumer&>) {
      batches(consume);
    } else {
      for (const Tensor& batch : batches) consume(batch);
    }
  };
  const auto recorded = [&](const Var& src) {
    return detail::recorded(model, [&] { return detail::call_model(model, std::span{&src, 1}, where); });
  };
  population_statistics(recorded, parameters(model), source, ranks);
}

/// On one rank.
template <class Model, class Batches>
void population_statistics(Model& model, Batches&& batches,
                           const SourceLocation& where = SourceLocation::current()) {
  population_statistics(model, std::forward<Batches>(batches), Communicator{}, where);
}

}  // namespace keel
