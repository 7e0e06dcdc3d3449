#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "keel/models/optimizer.hpp"
#include "keel/models/parameter.hpp"
#include "keel/models/settings.hpp"
#include "keel/runtime/rng.hpp"

namespace keel {

/// All that a training run goes on from, by reference, to be saved and loaded as one:
///
///   TrainingState state{model, optimizer, random, step};
///   if (std::filesystem::exists("run.safetensors")) load_checkpoint(state, "run.safetensors");
///   while (step < 10'000) {
///     train(batch_of(step, random));
///     if (++step % 500 == 0) save_checkpoint(state, "run.safetensors");
///   }
///
/// Of the model that is what `save_checkpoint` of a model writes: parameters, batch norm's statistics with their
/// count, the random streams of dropout. Of the optimizer, its `state`: the learning rate, velocities or
/// moments, counts of steps. `random` is whatever else the run draws from, and `step` counts what was done. A
/// run that is loaded is then, bit for bit, the one that was not interrupted, provided that the program does with the
/// same step and stream the same again. (An order of samples that must be the same again in the midst of an epoch is
/// best drawn from a stream of its own: `random.stream("order", epoch)`.) What the program itself decided, such as
/// options and what is frozen, is not in the file.
class TrainingState {
 public:
  template <class Model, class Optimizer>
  TrainingState(Model& model, Optimizer& optimizer, Rng& random, std::int64_t& step) {
    networks_.push_back(network("", model, optimizer));
    values_.push_back({"random", &random});
    values_.push_back({"step", &step});
  }

  /// Also another network and its optimizer, such as a critic; a network without one, such as a teacher; whatever
  /// else has a `state()`, as an average of the weights; another stream or number. Names must not be empty,
  /// be taken or contain a dot or slash, and must be UTF-8. Throws Error otherwise.
  template <class Model, class Optimizer>
  TrainingState& add(std::string_view name, Model& model, Optimizer& optimizer) {
    require_name(name);
    networks_.push_back(network(std::string{name}, model, optimizer));
    return *this;
  }
  template <class Part>
  TrainingState& add(std::string_view name, Part& part) {
    require_name(name);
    if constexpr (requires { std::vector<OptimizerState>{part.state()}; }) {
      networks_.push_back({std::string{name}, [] { return std::vector<NamedParameter>{}; },
                           [] { return std::vector<NamedSetting>{}; },
                           [&part](auto) { return std::vector<OptimizerState>{part.state()}; }});
    } else {
      networks_.push_back(network(std::string{name}, part));
    }
    return *this;
  }
  TrainingState& add(std::string_view name, Rng& random) { return add_value(name, &random); }
  TrainingState& add(std::string_view name, std::int64_t& number) { return add_value(name, &number); }
  TrainingState& add(std::string_view name, double& number) { return add_value(name, &number); }

 private:
  friend void save_checkpoint(const TrainingState& state, const std::filesystem::path& path,
                              const std::map<std::string, std::string>& texts);
  friend void load_checkpoint(const TrainingState& state, const std::filesystem::path& path);

  struct Network {
    std::string name;  // empty for the first
    std::function<std::vector<NamedParameter>()> parameters;
    std::function<std::vector<NamedSetting>()> settings;
    std::function<std::vector<OptimizerState>(std::span<const NamedParameter>)> optimizer_state;
  };
  using Place = std::variant<Rng*, std::int64_t*, double*>;
  struct Value {
    std::string name;
    Place place;
  };

  template <class Model>
  static Network network(std::string name, Model& model) {
    return {std::move(name), [&model] { return keel::parameters(model); },
            [&model] { return keel::settings(model); }, [](auto) { return std::vector<OptimizerState>{}; }};
  }
  template <class Model, class Optimizer>
  static Network network(std::string name, Model& model, Optimizer& optimizer) {
    auto result = network(std::move(name), model);
    result.optimizer_state = [&optimizer](std::span<const NamedParameter> parameters) {
      return std::vector<OptimizerState>{optimizer.state(parameters)};
    };
    return result;
  }
  [[nodiscard]] std::vector<NamedParameter> parameters() const;
  [[nodiscard]] std::vector<NamedSetting> settings() const;
  [[nodiscard]] std::vector<OptimizerState> optimizer_arrays() const;
  TrainingState& add_value(std::string_view name, Place place);
  void require_name(std::string_view name) const;

  std::vector<Network> networks_;
  std::vector<Value> values_;
};

/// Writes all of it into a file, which is there whole or not at all, as with a model alone. `load_checkpoint`
/// of the model reads that file as well, and leaves the rest of it aside. `texts` are as in SaveOptions.
/// Throws Error as for a model.
void save_checkpoint(const TrainingState& state, const std::filesystem::path& path,
                     const std::map<std::string, std::string>& texts = {});

/// Reads it back into the memory that model and optimizer have, so that compiled steps go on from there.
/// Throws Error as for a model, and, naming what is missing, for a file of a model alone, of another
/// optimizer or of other parts. All is then as it was.
void load_checkpoint(const TrainingState& state, const std::filesystem::path& path);

}  // namespace keel
