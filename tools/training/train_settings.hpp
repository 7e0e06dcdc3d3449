#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "keel/models/adam.hpp"
#include "keel/models/schedules.hpp"
#include "keel/models/sgd.hpp"
#include "keel/tools/system/json_fwd.hpp"
#include "keel/tools/training/network_description.hpp"
#include "keel/tools/training/run.hpp"

namespace keel::tools {

/// Everything that the numbers of a `keel train` depend on, besides the data and the program.
struct TrainSettings {
  NetworkDescription network;
  std::string optimizer = "sgd";  ///< "sgd", "adam" (its decay goes through the moments) or "adamw"
  double learning_rate = 0.01;
  double momentum = 0.9;  ///< of SGD
  double weight_decay = 0.0;
  std::optional<double> clip = {};    ///< bound of the norm of all gradients together
  std::string schedule = "constant";  ///< "constant", "step" or "cosine"
  std::int64_t warm_up = 0;           ///< steps
  int epochs = 5;
  std::int64_t batch_size = 64;
  int patience = 0;  ///< epochs without a lower validation loss before the end; 0 for any number
  std::uint64_t seed = 1;
  std::int64_t limit = 0;     ///< training images to use; 0 for all
  bool synchronized = false;  ///< batch norm's statistics are over all ranks
  std::int64_t shards = 0;    ///< that each batch is cut into, for bits that ranks don't change; 0 for none
};

/// By the names of their options. Two trainings on the same data are the same one if theirs are.
Json to_json(const TrainSettings& settings);

/// The learning rate of each of `steps` steps. "step" takes a tenth of it in the second third of the steps
/// behind the warm-up, and a hundredth in the last; "cosine" ends at 0. The warm-up must be shorter than
/// `steps`.
Schedule schedule_of(const TrainSettings& settings, std::int64_t steps);

/// The optimizer that was chosen when the program ran.
class ChosenOptimizer {
 public:
  explicit ChosenOptimizer(const TrainSettings& settings);

  [[nodiscard]] double learning_rate() const;
  void set_learning_rate(double rate);
  void update(std::span<const Var> parameters, std::span<const Var> grads,
              const SourceLocation& where = SourceLocation::current());
  [[nodiscard]] std::vector<OptimizerState> state(std::span<const NamedParameter> parameters);

 private:
  std::variant<Sgd, Adam> optimizer_;
};

/// That of a run of a study.
ChosenOptimizer optimizer_of(const RunSettings& run);

}  // namespace keel::tools
