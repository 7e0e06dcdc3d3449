#include "keel/tools/runs/run_json.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "keel/runtime/error.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {
namespace {

Json to_json(const Factor& factor) {
  if (factor.is_word()) return factor.word();
  return factor.is_whole() ? Json(factor.whole()) : Json(factor.number());
}

Json to_json(const Factors& factors) {
  Json json = Json::object();
  for (const auto& [name, factor] : factors) json[name] = to_json(factor);
  return json;
}

Factor factor_of(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  throw Error{"a factor is neither a number nor a word"};
}

Factors factors_of(const Json& json) {
  if (!json.is_object()) throw Error{"factors is not an object"};
  Factors factors;
  for (const auto& [name, value] : json.items()) factors.set(name, factor_of(value));
  return factors;
}

Json to_json(const EpochResult& epoch) {
  return {{"epoch", epoch.epoch},
          {"steps", epoch.steps},
          {"seconds", epoch.seconds},
          {"train_loss", number(epoch.train_loss)},
          {"validation_loss", number(epoch.validation.loss)},
          {"validation_accuracy", number(epoch.validation.accuracy)}};
}

// Json's own conversions take fractions, truth values and numbers beyond the range of the type.
std::int64_t whole_within(const Json& json, const char* key, std::int64_t low, std::int64_t high) {
  const auto& value = json.at(key);
  if (!value.is_number_integer()) throw Error{fmt::format("{} is not a whole number", key)};
  const bool is_huge = value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{1} << 62;
  const auto whole = is_huge ? std::numeric_limits<std::int64_t>::max() : value.get<std::int64_t>();
  if (whole >= low && whole <= high) return whole;
  throw Error{fmt::format("{} is {}, which is not from {} to {}", key, json_text(value), low, high)};
}

double real_within(const Json& json, const char* key, double low, double high) {
  const auto& value = json.at(key);
  if (!value.is_number()) throw Error{fmt::format("{} is not a number", key)};
  const auto real = value.get<double>();
  if (real >= low && real <= high) return real;
  throw Error{fmt::format("{} is {}, which is not from {} to {}", key, json_text(value), low, high)};
}

std::vector<std::int64_t> hidden_in(const Json& json) {
  if (!json.at("hidden").is_array()) throw Error{"hidden is not a list"};
  std::vector<std::int64_t> hidden;
  for (const auto& width : json.at("hidden")) {
    const bool is_width = width.is_number_integer() && width.get<std::int64_t>() > 0;
    if (!is_width) throw Error{"hidden has a width that is no whole number above 0"};
    hidden.push_back(width.get<std::int64_t>());
  }
  return hidden;
}

// Null is none: NaN.
double accuracy_in(const Json& json, const char* key) {
  return json.at(key).is_null() ? std::nan("") : real_within(json, key, 0.0, 1.0);
}

double loss_in(const Json& json, const char* key) {
  constexpr auto most = std::numeric_limits<double>::max();
  return json.at(key).is_null() ? std::nan("") : real_within(json, key, -most, most);
}

constexpr double longest_seconds = 1e12;
constexpr std::int64_t most_steps = 1'000'000'000'000'000;

// The epoch that comes as number `number`, from 1 on.
EpochResult epoch_of(const Json& json, int number) {
  const auto stated = whole_within(json, "epoch", 1, 1'000'000'000);
  if (stated != number) throw Error{fmt::format("epoch {} stands in place {}", stated, number)};
  return {.epoch = number,
          .steps = whole_within(json, "steps", 0, most_steps),
          .seconds = real_within(json, "seconds", 0.0, longest_seconds),
          .train_loss = loss_in(json, "train_loss"),
          .validation = {loss_in(json, "validation_loss"), accuracy_in(json, "validation_accuracy")}};
}

std::vector<EpochResult> epochs_of(const Json& json) {
  if (!json.is_array()) throw Error{"epochs is not a list"};
  std::vector<EpochResult> epochs;
  for (const auto& epoch : json) epochs.push_back(epoch_of(epoch, static_cast<int>(epochs.size()) + 1));
  return epochs;
}

bool truth_in(const Json& json, const char* key) {
  const auto& value = json.at(key);
  if (!value.is_boolean()) throw Error{fmt::format("{} is neither true nor false", key)};
  return value.get<bool>();
}

Json to_json(const Measures& measures) {
  Json json = Json::object();
  for (const auto& [name, values] : measures) {
    Json& array = json[name] = Json::array();
    for (const double value : values) array.push_back(number(value));
  }
  return json;
}

Measures measures_of(const Json& json) {
  if (!json.is_object()) throw Error{"measures is not an object"};
  Measures measures;
  for (const auto& [name, values] : json.items()) {
    if (!values.is_array()) throw Error{fmt::format("measure '{}' is not a list", name)};
    auto& series = measures[name];
    for (const auto& value : values) series.push_back(number_of(value));
  }
  return measures;
}

// What few runs have, and only these say.
void add_exceptions(const RunSettings& settings, Json& json) {
  if (settings.tuning) json["tuning"] = true;
  if (settings.precision != DType::f32) json["precision"] = "f64";
  if (settings.weight_decay > 0.0) json["weight_decay"] = settings.weight_decay;
  if (settings.optimizer != "sgd") json["optimizer"] = settings.optimizer;
}

DType precision_in(const Json& json) {
  const auto name = json.value("precision", "f32");
  if (name != "f32" && name != "f64")
    throw Error{fmt::format("precision is '{}', neither f32 nor f64", name)};
  return name == "f64" ? DType::f64 : DType::f32;
}

}  // namespace

std::string text_of(const Factor& factor) {
  return factor.is_word() ? factor.word() : json_text(to_json(factor));
}

Json to_json(const RunSettings& settings) {
  Json json{{"study", settings.study},
            {"model", settings.model},
            {"factors", to_json(settings.factors)},
            {"hidden", settings.hidden},
            {"epochs", settings.epochs},
            {"batch_size", settings.batch_size},
            {"learning_rate", settings.learning_rate},
            {"momentum", settings.momentum},
            {"seed", settings.seed},
            {"limit", settings.limit}};
  add_exceptions(settings, json);
  return json;
}

Json to_json(const RunResult& run) {
  const auto& settings = run.settings;
  Json json = Json::object();
  if (!settings.study.empty()) json["study"] = settings.study;
  json["model"] = settings.model;
  if (!settings.factors.empty()) json["factors"] = to_json(settings.factors);
  json["hidden"] = settings.hidden;
  add_exceptions(settings, json);
  json["batch_size"] = settings.batch_size;
  json["learning_rate"] = settings.learning_rate;
  json["momentum"] = settings.momentum;
  json["seed"] = settings.seed;
  json["parameters"] = run.parameters;
  json["diverged"] = run.diverged;
  if (run.diverged) json["divergence"] = run.divergence;
  if (!run.not_learned.empty()) json["not_learned"] = run.not_learned;
  if (!run.error.empty()) json["error"] = run.error;
  json["epochs"] = Json::array();
  for (const auto& epoch : run.epochs) json["epochs"].push_back(to_json(epoch));
  json["test_loss"] = run.test ? number(run.test->loss) : Json(nullptr);
  json["test_accuracy"] = run.test ? number(run.test->accuracy) : Json(nullptr);
  if (!run.measures.empty()) json["measures"] = to_json(run.measures);
  return json;
}

RunResult run_of(const Json& json) {
  RunResult run;
  run.settings.study = json.value("study", "");
  run.settings.model = json.at("model").get<std::string>();
  if (json.contains("factors")) run.settings.factors = factors_of(json.at("factors"));
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  if (json.contains("hidden")) run.settings.hidden = hidden_in(json);
  run.settings.tuning = json.contains("tuning") && truth_in(json, "tuning");
  run.settings.precision = precision_in(json);
  run.settings.optimizer = json.value("optimizer", "sgd");
  if (json.contains("weight_decay"))
    run.settings.weight_decay = real_within(json, "weight_decay", 0.0, std::numeric_limits<double>::max());
  run.settings.batch_size = whole_within(json, "batch_size", 1, most);
  run.settings.learning_rate = real_within(json, "learning_rate", 0.0, std::numeric_limits<double>::max());
  run.settings.momentum = real_within(json, "momentum", 0.0, 1.0);
  if (!json.at("seed").is_number_unsigned()) throw Error{"seed is not a whole number from 0 on"};
  run.settings.seed = json.at("seed").get<std::uint64_t>();
  run.parameters = whole_within(json, "parameters", 0, most);
  run.diverged = truth_in(json, "diverged");
  run.divergence = json.value("divergence", "");
  run.not_learned = json.value("not_learned", "");
  run.error = json.value("error", "");
  run.epochs = epochs_of(json.at("epochs"));
  const Evaluation test{loss_in(json, "test_loss"), accuracy_in(json, "test_accuracy")};
  if (!json.at("test_accuracy").is_null()) run.test = test;
  run.measures = measures_of(json.value("measures", Json::object()));
  return run;
}

}  // namespace keel::tools
