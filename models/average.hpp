#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
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
/// scope gives these. The model is used by reference; what is initialized anew begins its average anew.
class Average {
 public:
  /// Throws Error when the decay is not in [0, 1), NoValuesError before `initialize`.
  template <class Model>
  explicit Average(Model& model, const AverageOptions& options = {})
      : Average([&model] { return parameters(model); }, options) {}

  /// average = decay * average + (1 - decay) * value, of every weight and statistic. Throws Error while the
  /// model holds the average.
  void update();
  [[nodiscard]] std::int64_t updates() const;

  /// Holds the model's own values while the model holds their average. Compiled steps and inference follow, as
  /// the values are exchanged in their place. What is written into the model meanwhile is the average's.
  class Scope {
   public:
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope();

   private:
    friend class Average;
    explicit Scope(Average& average);
    Average& average_;
  };
  /// Throws Error while there is one already.
  [[nodiscard]] Scope in_place() { return Scope{*this}; }

  /// All that it keeps, to be saved, or written into: "average" of each parameter by its path, and the number of
  /// "updates".
  [[nodiscard]] std::vector<OptimizerState> state();

 private:
  // A parameter's values, known by who holds them, and their average.
  struct Averaged {
    Tensor value;
    Tensor average;
  };

  Average(std::function<std::vector<NamedParameter>()> parameters, const AverageOptions& options);
  void follow_model();
  void exchange() const;
  void require_out_of_place() const;

  std::function<std::vector<NamedParameter>()> parameters_;
  AverageOptions options_;
  Tensor updates_;                          // an f64 scalar
  std::map<std::string, Averaged> arrays_;  // by path
  bool in_place_ = false;
};

}  // namespace keel
