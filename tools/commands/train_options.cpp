#include "keel/tools/commands/train_options.hpp"

#include <fmt/format.h>

#include <bit>
#include <charconv>

#include "keel/tools/data/batches.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::tools {
namespace {

constexpr std::string_view mlp_prefix = "mlp:";
constexpr std::string_view synchronized_norm = "sync-batch";
constexpr double most_weights = 2e9;

// The whole of `text` as a number.
template <class Number>
std::optional<Number> whole_number_in(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional{value} : std::nullopt;
}

// "784-256-10", inputs and classes among them.
std::vector<std::int64_t> sizes_in(std::string_view model) {
  std::vector<std::int64_t> sizes;
  for (auto rest = model.substr(mlp_prefix.size());;) {
    const auto end = rest.find('-');
    const auto size = whole_number_in<std::int64_t>(rest.substr(0, end));
    if (!size || *size < 1 || *size > 100'000'000 || sizes.size() > 100) break;
    sizes.push_back(*size);
    if (end == std::string_view::npos) return sizes;
    rest.remove_prefix(end + 1);
  }
  throw UsageError{
      fmt::format("--model '{}' can't be read; a network is given by the sizes of its layers from the "
                  "pixels to the classes, as in mlp:784-256-10",
                  model.substr(0, 60))};
}

std::vector<std::int64_t> hidden_layers(std::string_view model, const DataSet& data) {
  const auto pixels = data.train.height * data.train.width;
  const auto sizes = sizes_in(model);
  if (sizes.size() > 1 && sizes.front() == pixels && sizes.back() == data.classes)
    return {sizes.begin() + 1, sizes.end() - 1};
  throw UsageError{fmt::format(
      "--model {} does not fit '{}', whose images have {} x {} = {} pixels in {} classes: "
      "the first size must be {} and the last {}",
      model, data.name, data.train.height, data.train.width, pixels, data.classes, pixels, data.classes)};
}

NetworkDescription described_network(const TrainOptions& options, const DataSet& data) {
  const auto& model = options.model;
  NetworkDescription network{.height = data.train.height, .width = data.train.width, .classes = data.classes};
  if (model == "cnn") {
    network.channels = {16, 32};
  } else if (model.starts_with(mlp_prefix)) {
    network.hidden = hidden_layers(model, data);
  } else if (model != "plain" && model != "bn") {
    throw UsageError{fmt::format(
        "--model takes plain, bn, cnn or the sizes of all layers, such as mlp:784-256-10, not '{}'",
        model.substr(0, 60))};
  }
  const bool by_itself_normalized = model == "bn" || model == "cnn";
  const auto norm = options.norm == synchronized_norm ? "batch" : options.norm;
  network.norm = parse_norm(!norm.empty() ? norm : by_itself_normalized ? "batch" : "none");
  network.activation = parse_activation(options.activation);
  network.dropout = options.dropout;
  return network;
}

void require_network(const TrainOptions& options, const NetworkDescription& network) {
  if (options.model == "bn" && network.norm != Norm::batch) {
    throw UsageError{
        fmt::format("--model bn is the one with batch norm, and --norm {} asks for another; say --model "
                    "plain --norm {}",
                    options.norm, options.norm)};
  }
  if (network.channels.size() == 2 && std::min(network.height, network.width) < 4) {
    throw UsageError{
        fmt::format("--model cnn halves images twice, and those of {} x {} are too small for that; "
                    "choose another --model",
                    network.height, network.width)};
  }
  if (network.hidden.empty() && network.norm != Norm::none)
    throw UsageError{"--norm normalizes hidden layers, and this --model has none"};
  if (network.hidden.empty() && network.dropout > 0.0)
    throw UsageError{"--dropout stands behind hidden layers, and this --model has none"};
  if ((network.norm == Norm::layer || network.norm == Norm::group) &&
      std::ranges::find(network.hidden, 1) != network.hidden.end()) {
    throw UsageError{fmt::format("--norm {} needs more than one unit a layer: of one there is no variance",
                                 name_of(network.norm))};
  }
  if (const auto count = trained_numbers(network); count > most_weights) {
    throw UsageError{fmt::format(
        "this network would have {:.2g} weights, more than the {:.0e} that keel train takes; choose "
        "fewer or smaller layers",
        count, most_weights)};
  }
}

void require_batches(const TrainSettings& settings, std::int64_t images) {
  if (settings.network.norm != Norm::batch) return;
  const char* fault = nullptr;
  if (settings.batch_size == 1) fault = "batches of one image";
  if (settings.batch_size > 1 && leaves_a_last_one(images, settings.batch_size))
    fault = "a last batch of one image";
  if (fault == nullptr) return;
  throw UsageError{
      fmt::format("{} training images in batches of {} make {}, on which batch normalization can't "
                  "train; choose another --batch-size or --limit",
                  images, settings.batch_size, fault)};
}

void require_schedule(const TrainSettings& settings, std::int64_t images) {
  const auto steps = (images + settings.batch_size - 1) / settings.batch_size * settings.epochs;
  if (settings.warm_up < steps) return;
  throw UsageError{
      fmt::format("--warm-up {} is no shorter than the training, which has {} steps in {} epochs",
                  settings.warm_up, steps, settings.epochs)};
}

}  // namespace

TrainSettings train_settings(const TrainOptions& options, const DataSet& data) {
  const auto& common = options.common;
  const bool sgd = options.optimizer == "sgd";
  if (options.momentum && !sgd) {
    throw UsageError{
        fmt::format("--momentum is SGD's, and --optimizer {} has moments of its own; leave one of both "
                    "out",
                    options.optimizer)};
  }
  if (data.train.size() < 5) {
    throw DataError{
        fmt::format("'{}' has {} training images; at least 5 are needed to split some off for validation",
                    data.name, data.train.size())};
  }
  TrainSettings settings{
      .network = described_network(options, data),
      .optimizer = options.optimizer,
      .learning_rate = options.learning_rate.value_or(sgd ? 0.01 : 0.001),
      .momentum = options.momentum.value_or(0.9),
      .weight_decay = options.weight_decay.value_or(options.optimizer == "adamw" ? 0.01 : 0.0),
      .clip = options.clip,
      .schedule = options.schedule,
      .warm_up = options.warm_up,
      .epochs = common.run.epochs,
      .batch_size = common.run.batch_size,
      .patience = options.patience,
      .seed = common.seed,
      .limit = common.run.limit,
      .synchronized = options.norm == synchronized_norm,
      .shards = options.shards};
  require_network(options, settings.network);
  const auto images = split_sizes(data.train.size(), settings.limit).training;
  require_batches(settings, images);
  require_schedule(settings, images);
  return settings;
}

void require_parts(const TrainSettings& settings, const DataSet& data, int ranks) {
  const auto shards = settings.shards;
  if (shards > 0 && (!std::has_single_bit(static_cast<std::uint64_t>(shards)) || shards % ranks != 0)) {
    throw UsageError{fmt::format(
        "--shards must be a power of two that the number of ranks, {}, divides, not {}", ranks, shards)};
  }
  if (shards > 0 && settings.synchronized) {
    throw UsageError{
        "--shards computes each shard by itself, and --norm sync-batch normalizes all together; leave one of both out"};
  }
  const auto parts = shards > 0 ? shards : ranks;
  if (settings.network.norm != Norm::batch || settings.synchronized || parts == 1) return;
  const auto images = split_sizes(data.train.size(), settings.limit).training;
  const auto last = images % settings.batch_size;
  const auto least = last == 0 ? settings.batch_size : std::min(last, settings.batch_size);
  if (least / parts >= 2) return;
  throw UsageError{fmt::format(
      "{} training images in batches of {} make one of {}, which is less than two for each of {} {}, and "
      "batch normalization can't train on that; choose another --batch-size or --limit, or {}",
      images, settings.batch_size, least, parts, shards > 0 ? "shards" : "ranks",
      shards > 0 ? "fewer --shards" : "--norm sync-batch")};
}

CheckpointInterval parse_interval(const std::string& text) {
  const std::string_view all{text};
  const auto number_before = [&](std::string_view unit) -> std::string_view {
    return all.ends_with(unit) ? all.substr(0, all.size() - unit.size()) : std::string_view{};
  };
  constexpr std::int64_t most = 1'000'000'000;
  const auto is_count = [](const std::optional<std::int64_t>& count) {
    return count && *count >= 1 && *count <= most;
  };
  if (const auto epochs = whole_number_in<std::int64_t>(all); is_count(epochs)) return {.epochs = *epochs};
  if (const auto steps = whole_number_in<std::int64_t>(number_before("steps")); is_count(steps))
    return {.steps = *steps};
  if (const auto seconds = whole_number_in<double>(number_before("s"));
      seconds && *seconds > 0.0 && *seconds <= 1e9)
    return {.seconds = *seconds};
  throw UsageError{fmt::format(
      "--checkpoint-every takes a number of epochs, of steps (500steps) or of seconds (30s), not '{}'",
      text.substr(0, 60))};
}

}  // namespace keel::tools
