#include "keel/tools/training/trainer.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <limits>

#include "keel/models/checkpoint.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/safetensors_header.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/refuse.hpp"

namespace keel::tools {
namespace {

constexpr auto settings_key = "settings";
constexpr auto data_key = "data";
constexpr auto epochs_key = "epochs";

// An epoch as a row, since there may be many.
Json row_of(const TrainedEpoch& epoch) {
  const auto& result = epoch.result;
  return {result.epoch,
          result.steps,
          result.seconds,
          number(result.train_loss),
          number(result.validation.loss),
          number(result.validation.accuracy),
          epoch.learning_rate};
}

TrainedEpoch trained_epoch_of(const Json& row) {
  return {.result = {.epoch = row.at(0).get<int>(),
                     .steps = row.at(1).get<std::int64_t>(),
                     .seconds = row.at(2).get<double>(),
                     .train_loss = number_of(row.at(3)),
                     .validation = {number_of(row.at(4)), number_of(row.at(5))}},
          .learning_rate = row.at(6).get<double>()};
}

[[noreturn]] void fail_to_use(const std::filesystem::path& path, std::string_view why) {
  refuse(path, "can't be gone on from: it is {}", why);
}

// Without one, or with one that is not known, a file is read unchecked.
void require_checksum_in(const std::filesystem::path& path, const std::map<std::string, std::string>& texts) {
  const auto found = texts.find(keel::detail::checksum_key);
  if (found == texts.end() || !found->second.starts_with(keel::detail::checksum_algorithm))
    fail_to_use(path, "damaged: it has no checksum");
}

// Names the first option of which the file has another value.
void require_settings(const std::filesystem::path& path, const std::string& text,
                      const TrainSettings& settings) {
  constexpr std::size_t longest = 10'000;  // of what was nested deeper, copies would overflow the stack
  const auto in_file = text.size() <= longest ? Json::parse(text, nullptr, false) : Json{};
  const auto asked = to_json(settings);
  for (const auto& [name, value] : asked.items()) {
    const auto theirs = in_file.is_object() ? in_file.value(name, Json{}) : Json{};
    if (theirs == value) continue;
    fail_to_use(path, fmt::format("of a training with other settings, {} {} where {} is asked for", name,
                                  json_text(theirs).substr(0, 200), json_text(value)));
  }
}

std::vector<TrainedEpoch> epochs_in(const std::filesystem::path& path, const std::string& text) {
  std::vector<TrainedEpoch> epochs;
  try {
    for (const auto& row : Json::parse(text)) {
      if (!row.at(0).is_number_integer() || row.at(0) != epochs.size() + 1 || !row.at(1).is_number_integer())
        break;
      epochs.push_back(trained_epoch_of(row));
    }
  } catch (const Json::exception&) {
    fail_to_use(path, "one whose epochs make no sense");
  }
  return epochs;
}

NetworkOptions network_options(const TrainSettings& settings) {
  auto options = options_of(settings.network);
  options.batch_norm.synchronized = settings.synchronized;
  return options;
}

}  // namespace

Trainer::Trainer(const TrainSettings& settings, const DataSet& data, Communicator ranks)
    : settings_(settings),
      data_(data),
      ranks_(std::move(ranks)),
      label_(label_for(data, settings.network)),
      rng_(settings.seed),
      split_(split(data.train.size(), settings.limit, rng_)),
      network_(network_options(settings)),
      optimizer_(settings),
      step_(network_, optimizer_, cross_entropy, {.ranks = ranks_}),
      evaluate_([this](const Var& images) { return network_(images); }, 1000, Mode::inference, DType::f32,
                ranks_),
      pass_(data.train, split_.training, settings.batch_size),
      schedule_(schedule_of(settings, steps_in_all())),
      best_loss_(std::numeric_limits<double>::infinity()) {
  initialize(network_, rng_.stream("weights"));
  pass_.set_part(ranks_.rank(), ranks_.size());
  if (settings.shards > 0)
    sharded_step_.emplace(network_, optimizer_, cross_entropy,
                          ShardedStepOptions{.shards = settings.shards, .ranks = ranks_});
  begin_epoch();
}

std::int64_t Trainer::parameters() const {
  return static_cast<std::int64_t>(trained_numbers(settings_.network));
}

bool Trainer::out_of_patience() const {
  return settings_.patience > 0 && epochs_without_best_ >= settings_.patience;
}

bool Trainer::finished() const {
  return !divergence_.empty() || epoch_ > settings_.epochs || out_of_patience();
}

void Trainer::begin_epoch() {
  pass_.begin(rng_, static_cast<int>(epoch_), place_);
}

void Trainer::step() {
  using Clock = std::chrono::steady_clock;
  at_epoch_end_ = false;
  optimizer_.set_learning_rate(schedule_(steps_));
  const auto begun = Clock::now();
  pass_.step([this](const Tensor& images, const Tensor& labels) { return try_step(images, labels); });
  seconds_ += std::chrono::duration<double>(Clock::now() - begun).count();
  ++steps_;
  if (divergence_.empty() && pass_.done()) end_epoch();
  place_ = pass_.place();
}

double Trainer::try_step(const Tensor& images, const Tensor& labels) {
  const auto place = [&] { return fmt::format("in epoch {}, step {}", epoch_, pass_.place().steps); };
  try {
    const double loss = sharded_step_ ? (*sharded_step_)(images, labels) : step_(images, labels);
    if (!std::isfinite(loss)) divergence_ = fmt::format("the loss was {} {}", loss, place());
    return loss;
  } catch (const NonFiniteError& error) {
    divergence_ = fmt::format("{}: {}", place(), error.what());
    return std::nan("");
  }
}

void Trainer::end_epoch() {
  const auto validation = evaluate_(data_.train, split_.validation);
  epochs_.push_back({.result = {.epoch = static_cast<int>(epoch_),
                                .steps = pass_.place().steps,
                                .seconds = seconds_,
                                .train_loss = pass_.loss(),
                                .validation = validation},
                     .learning_rate = optimizer_.learning_rate()});
  at_epoch_end_ = true;
  if (!std::isfinite(validation.loss))
    divergence_ = fmt::format("the validation loss was {} after epoch {}", validation.loss, epoch_);
  ++epochs_without_best_;
  if (validation.loss < best_loss_) {
    best_loss_ = validation.loss;
    best_epoch_ = epoch_;
    epochs_without_best_ = 0;
  }
  ++epoch_;
  seconds_ = 0.0;
  place_ = {};
  begin_epoch();
}

TrainingState Trainer::state() {
  TrainingState state{network_, optimizer_, rng_, steps_};
  state.add("epoch", epoch_).add("epoch_steps", place_.steps).add("epoch_images", place_.seen);
  state.add("epoch_loss_sum", place_.loss_sum).add("epoch_seconds", seconds_);
  state.add("best_loss", best_loss_).add("best_epoch", best_epoch_);
  state.add("epochs_without_best", epochs_without_best_);
  return state;
}

std::map<std::string, std::string> Trainer::texts() const {
  auto texts = texts_of(label_);
  texts[settings_key] = json_text(to_json(settings_));
  texts[data_key] = data_.digest;
  Json rows = Json::array();
  for (const auto& epoch : epochs_) rows.push_back(row_of(epoch));
  texts[epochs_key] = json_text(rows);
  return texts;
}

void Trainer::save_network(const std::filesystem::path& path) {
  save_checkpoint(network_, path, {.texts = texts_of(label_)});
}

void Trainer::save(const std::filesystem::path& path) {
  save_checkpoint(state(), path, texts());
}

void Trainer::load(const std::filesystem::path& path) {
  const auto texts = checkpoint_texts(path);
  for (const char* key : {settings_key, data_key, epochs_key})
    if (!texts.contains(key)) fail_to_use(path, "no checkpoint of keel train");
  require_checksum_in(path, texts);
  require_settings(path, texts.at(settings_key), settings_);
  if (texts.at(data_key) != data_.digest)
    fail_to_use(path, fmt::format("of a training on other data than '{}' has now", data_.name));
  auto epochs = epochs_in(path, texts.at(epochs_key));
  load_checkpoint(state(), path);
  epochs_ = std::move(epochs);
  at_epoch_end_ = false;
  if (!place_makes_sense()) fail_to_use(path, "one whose place in the training makes no sense");
  begin_epoch();
}

// The checksum tells of all files but those made by hand.
bool Trainer::place_makes_sense() const {
  return epoch_ == std::ssize(epochs_) + 1 && epoch_ <= settings_.epochs + 1 && place_.steps >= 0 &&
         place_.steps < steps_per_epoch() && place_.seen == place_.steps * settings_.batch_size &&
         steps_ == (epoch_ - 1) * steps_per_epoch() + place_.steps && std::isfinite(place_.loss_sum) &&
         best_epoch_ >= 0 && best_epoch_ < epoch_ && epochs_without_best_ == epoch_ - 1 - best_epoch_ &&
         !std::isnan(best_loss_);
}

}  // namespace keel::tools
