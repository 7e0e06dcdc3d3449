#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "keel/models/optimizer.hpp"
#include "keel/models/parameter.hpp"
#include "keel/runtime/tensor.hpp"

namespace keel {

struct AverageOptions {
  double decay = 0.999;  ///< how much of the average lasts from update to update
  bool warm_up =
      false;  ///< at most (1 + n) / (10 + n) in update n, counted from 0, so that it forgets the start
};

/// An exponential moving average of a model's weights, which often does better than these:
///
///   Average ema{model, {.decay = 0.999}};
///   step(images, labels), ema.update();           // after each step
///   const auto averaged = ema.in_place();         // until the end of the scope the model has the average
///   predict(images);
///
/// It begins with the values at hand. Batch norms' running statistics are averaged along, since those of the
/// moment belong to the weights of the moment; counts of updates and random streams are the model's own. Under
/// the averaged weights the statistics are still not quite those of the data: `population_statistics` within the
/// scope gives these. The model is used by reference; what is initialized anew begins its average anew, and
/// when that is all of the model, the number of updates begins anew as well.
///
/// Each update computes in double and rounds to the parameter's element type, so that the average of what
/// stays the same stays the same. It comes to rest where (1 - decay) times what is left is below half a unit
/// in the last place.
///
/// A copy is another average of the same model, with arrays of its own. One that is moved while the model
/// holds it still ends with its scope.
class Average {
  struct Kept;

 public:
  /// Throws Error when the decay is not in [0, 1), NoValuesError before `initialize`.
  template <class Model>
  requires(!std::same_as<std::remove_const_t<Model>, Average>) explicit Average(
      Model& model, const AverageOptions& options = {})
      : Average([&model] { return parameters(model); }, options) {}

  Average(const Average& other);
  Average& operator=(const Average& other);
  Average(Average&&) noexcept = default;
  Average& operator=(Average&&) noexcept = default;
  ~Average() = default;

  /// average = decay * average + (1 - decay) * value, of every weight and statistic. Throws Error while the
  /// model holds the average.
  void update();
  [[nodiscard]] std::int64_t updates() const;

  /// Holds the model's own values while the model holds their average. Compiled steps and inference follow,
  /// as the values are exchanged in their place. What is written into the model meanwhile is the average's.
  class Scope {
   public:
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope();

   private:
    friend class Average;
    explicit Scope(std::shared_ptr<Kept> kept);
    std::shared_ptr<Kept> kept_;
  };
  /// Throws Error while there is one already.
  [[nodiscard]] Scope in_place() { return Scope{kept()}; }

  /// All that it keeps, to be saved, or written into: "average" of each parameter by its path, and the number
  /// of "updates". Throws Error while the model holds the average: a file would have one in the other's
  /// place.
  [[nodiscard]] std::vector<OptimizerState> state();

 private:
  Average(std::function<std::vector<NamedParameter>()> parameters, const AverageOptions& options);
  // Throws Error when it was moved away.
  [[nodiscard]] const std::shared_ptr<Kept>& kept() const;

  std::shared_ptr<Kept> kept_;
};

}  // namespace keel
