#include "keel/tools/training/network_description.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>

#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

constexpr std::int64_t largest_extent = 1'000'000'000;
constexpr std::size_t most_layers = 1000;

constexpr std::array norm_names{std::pair{Norm::none, "none"}, std::pair{Norm::batch, "batch"},
                                std::pair{Norm::layer, "layer"}, std::pair{Norm::group, "group"}};
constexpr std::array activations_of_networks{Activation::relu, Activation::tanh, Activation::sigmoid,
                                             Activation::gelu};
constexpr std::string_view all_biases = "all";
constexpr std::string_view not_before_norm = "not-before-norm";

[[noreturn]] void fail(std::string_view what, std::string_view text) {
  throw Error{fmt::format("the description of a network has the {} '{}', which makes no sense", what, text)};
}

std::int64_t parse_extent(std::string_view what, std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || value < 1 || value > largest_extent) fail(what, text);
  return value;
}

// "16-32"; nothing for none.
std::vector<std::int64_t> parse_extents(std::string_view what, std::string_view text, char separator) {
  std::vector<std::int64_t> result;
  if (text == "none") return result;
  for (auto rest = text;;) {
    const auto end = rest.find(separator);
    result.push_back(parse_extent(what, rest.substr(0, end)));
    if (result.size() > most_layers) fail(what, fmt::format("{}...", text.substr(0, 60)));
    if (end == std::string_view::npos) return result;
    rest.remove_prefix(end + 1);
  }
}

double parse_dropout(std::string_view text) {
  double value = -1.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0.0 && value < 1.0))
    fail("dropout", text);
  return value;
}

// The words of "name=value name=value", each name once.
std::map<std::string_view, std::string_view> parse_entries(std::string_view text) {
  std::map<std::string_view, std::string_view> entries;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    const auto sign = word.find('=');
    if (sign == std::string_view::npos ||
        !entries.emplace(word.substr(0, sign), word.substr(sign + 1)).second)
      fail("entry", word.substr(0, 60));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return entries;
}

std::string extents_text(const std::vector<std::int64_t>& extents) {
  return extents.empty() ? "none" : fmt::format("{}", fmt::join(extents, "-"));
}

}  // namespace

std::string name_of(Norm norm) {
  const auto* const found =
      std::ranges::find(norm_names, norm, [](const auto& entry) { return entry.first; });
  if (found == norm_names.end()) throw Error{"this norm is one of the studies' alone"};
  return found->second;
}

Norm parse_norm(std::string_view word) {
  for (const auto& [norm, name] : norm_names)
    if (word == name) return norm;
  fail("norm", word);
}

Activation parse_activation(std::string_view word) {
  for (const auto activation : activations_of_networks)
    if (word == name_of(activation)) return activation;
  fail("activation", word);
}

std::string text_of(const NetworkDescription& network) {
  return fmt::format("image={}x{} channels={} hidden={} classes={} norm={} activation={} dropout={} bias={}",
                     network.height, network.width, extents_text(network.channels),
                     extents_text(network.hidden), network.classes, name_of(network.norm),
                     name_of(network.activation), network.dropout,
                     network.bias_before_norm ? all_biases : not_before_norm);
}

NetworkDescription parse_network(std::string_view text) {
  const auto entries = parse_entries(text);
  constexpr std::array names{"image", "channels",   "hidden",  "classes",
                             "norm",  "activation", "dropout", "bias"};
  for (const auto& [name, value] : entries)
    if (std::ranges::find(names, name) == names.end()) fail("entry", name.substr(0, 60));
  const auto entry = [&](std::string_view name) {
    const auto found = entries.find(name);
    if (found == entries.end())
      throw Error{fmt::format("the description of a network has no entry '{}'", name)};
    return found->second;
  };
  const auto image = parse_extents("image size", entry("image"), 'x');
  if (image.size() != 2) fail("image size", entry("image"));
  const auto bias = entry("bias");
  if (bias != all_biases && bias != not_before_norm) fail("bias", bias);
  return {.height = image[0],
          .width = image[1],
          .channels = parse_extents("channels", entry("channels"), '-'),
          .hidden = parse_extents("hidden layers", entry("hidden"), '-'),
          .classes = parse_extent("number of classes", entry("classes")),
          .norm = parse_norm(entry("norm")),
          .activation = parse_activation(entry("activation")),
          .dropout = parse_dropout(entry("dropout")),
          .bias_before_norm = bias == all_biases};
}

double trained_numbers(const NetworkDescription& network) {
  const double of_norm = network.norm == Norm::none ? 0.0 : 2.0;
  const double bias = network.norm != Norm::batch || network.bias_before_norm ? 1.0 : 0.0;
  double count = 0.0;
  double channels = 1.0;
  auto height = network.height;
  auto width = network.width;
  for (const auto features : network.channels) {
    count += static_cast<double>(features) * (9.0 * channels + bias + of_norm);
    channels = static_cast<double>(features), height /= 2, width /= 2;
  }
  double inputs = channels * static_cast<double>(height) * static_cast<double>(width);
  for (const auto features : network.hidden) {
    count += static_cast<double>(features) * (inputs + bias + of_norm);
    inputs = static_cast<double>(features);
  }
  return count + static_cast<double>(network.classes) * (inputs + 1.0);
}

std::size_t layer_count(const NetworkDescription& network) {
  return network.channels.size() + network.hidden.size() + 1;
}

NetworkOptions options_of(const NetworkDescription& network) {
  return {.inputs = network.height * network.width,
          .channels = network.channels,
          .height = network.height,
          .hidden = network.hidden,
          .classes = network.classes,
          .norm = network.norm,
          .activation = network.activation,
          .dropout = network.dropout,
          .bias_before_norm = network.bias_before_norm};
}

}  // namespace keel::tools
