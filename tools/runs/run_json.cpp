#include "keel/tools/runs/run_json.hpp"

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

EpochResult epoch_of(const Json& json) {
  return {.epoch = json.at("epoch").get<int>(),
          .steps = json.at("steps").get<std::int64_t>(),
          .seconds = json.at("seconds").get<double>(),
          .train_loss = number_of(json.at("train_loss")),
          .validation = {number_of(json.at("validation_loss")), number_of(json.at("validation_accuracy"))}};
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
  Measures measures;
  for (const auto& [name, values] : json.items()) {
    auto& series = measures[name];
    for (const auto& value : values) series.push_back(number_of(value));
  }
  return measures;
}

}  // namespace

std::string text_of(const Factor& factor) {
  return factor.is_word() ? factor.word() : to_json(factor).dump();
}

Json to_json(const RunSettings& settings) {
  return {{"study", settings.study},
          {"model", settings.model},
          {"factors", to_json(settings.factors)},
          {"hidden", settings.hidden},
          {"epochs", settings.epochs},
          {"batch_size", settings.batch_size},
          {"learning_rate", settings.learning_rate},
          {"momentum", settings.momentum},
          {"seed", settings.seed},
          {"limit", settings.limit}};
}

Json to_json(const RunResult& run) {
  const auto& settings = run.settings;
  Json json = Json::object();
  if (!settings.study.empty()) json["study"] = settings.study;
  json["model"] = settings.model;
  if (!settings.factors.empty()) json["factors"] = to_json(settings.factors);
  json["batch_size"] = settings.batch_size;
  json["learning_rate"] = settings.learning_rate;
  json["momentum"] = settings.momentum;
  json["seed"] = settings.seed;
  json["parameters"] = run.parameters;
  json["diverged"] = run.diverged;
  if (run.diverged) json["divergence"] = run.divergence;
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
  run.settings.batch_size = json.at("batch_size").get<std::int64_t>();
  run.settings.learning_rate = json.at("learning_rate").get<double>();
  run.settings.momentum = json.at("momentum").get<double>();
  run.settings.seed = json.at("seed").get<std::uint64_t>();
  run.parameters = json.at("parameters").get<std::int64_t>();
  run.diverged = json.at("diverged").get<bool>();
  run.divergence = json.value("divergence", "");
  run.error = json.value("error", "");
  for (const auto& epoch : json.at("epochs")) run.epochs.push_back(epoch_of(epoch));
  if (!json.at("test_accuracy").is_null())
    run.test = Evaluation{number_of(json.at("test_loss")), number_of(json.at("test_accuracy"))};
  run.measures = measures_of(json.value("measures", Json::object()));
  return run;
}

}  // namespace keel::tools
