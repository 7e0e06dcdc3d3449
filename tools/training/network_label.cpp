#include "keel/tools/training/network_label.hpp"

#include <fmt/format.h>

#include <charconv>
#include <set>

#include "keel/runtime/error.hpp"
#include "keel/tools/data/batches.hpp"
#include "keel/tools/data/fit_image.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::tools {
namespace {

constexpr auto network_key = "network";
constexpr auto names_key = "class_names";
constexpr auto scaling_key = "pixel_scaling";
constexpr auto background_key = "background";
constexpr auto format_key = "format";
constexpr auto unknown_background = "unknown";
const std::string onnx_prefix = "keel.";
constexpr auto image_key = "image";

std::string scaling_text() {
  return fmt::format("{} * byte + {}", pixel_scale, pixel_shift);
}

const std::string& text_called(const std::map<std::string, std::string>& texts, const char* key) {
  const auto found = texts.find(key);
  if (found == texts.end()) throw Error{fmt::format("it has no '{}' in its metadata", key)};
  return found->second;
}

// Different ones.
std::vector<std::string> parse_names(const std::string& text) {
  constexpr std::size_t longest = 1'000'000;
  const auto json = text.size() <= longest ? Json::parse(text, nullptr, false) : Json{};
  std::vector<std::string> names;
  if (json.is_array()) {
    for (const auto& name : json)
      if (name.is_string()) names.push_back(name.get<std::string>());
  }
  const std::set<std::string> different{names.begin(), names.end()};
  if (!names.empty() && different.size() == names.size() && names.size() == json.size()) return names;
  throw Error{"the names of its classes are not a list of different names"};
}

std::string names_text(const std::vector<std::string>& names) {
  return json_text(Json(names));
}

std::string background_text(const NetworkLabel& label) {
  if (!label.light_background) return unknown_background;
  return *label.light_background ? "light" : "dark";
}

std::optional<bool> parse_background(const std::string& text) {
  if (text == unknown_background) return std::nullopt;
  if (text != "light" && text != "dark")
    throw Error{fmt::format("its images' background is '{}', neither light nor dark", text.substr(0, 60))};
  return text == "light";
}

void require_scaling(const std::string& text) {
  if (text == scaling_text()) return;
  throw Error{fmt::format("its network takes pixels scaled by '{}', and this keel scales by '{}'",
                          text.substr(0, 60), scaling_text())};
}

// "12x6"
void parse_image(const std::string& text, OnnxLabel& label) {
  const auto* const end = text.data() + text.size();
  const auto [sign, error] = std::from_chars(text.data(), end, label.height);
  const bool more = error == std::errc{} && sign != end && *sign == 'x';
  const auto [last, other] = std::from_chars(more ? sign + 1 : end, end, label.width);
  constexpr std::int64_t largest = 100'000;
  if (more && other == std::errc{} && last == end && label.height >= 1 && label.width >= 1 &&
      label.height <= largest && label.width <= largest)
    return;
  throw Error{fmt::format("its images are of the size '{}', which makes no sense", text.substr(0, 60))};
}

}  // namespace

std::vector<std::string> written_names(const std::vector<std::string>& names) {
  std::vector<std::string> result;
  std::set<std::string> taken;
  for (const auto& name : names) {
    const auto text = Json::parse(json_text(Json(name))).get<std::string>();
    auto written = text;
    for (int number = 2; !taken.insert(written).second; ++number)
      written = fmt::format("{} ({})", text, number);
    result.push_back(std::move(written));
  }
  return result;
}

NetworkLabel label_for(const DataSet& data, const NetworkDescription& network) {
  NetworkLabel label{.network = network,
                     .class_names = written_names(data.class_names),
                     .light_background = has_light_background(data.train)};
  if (!label.class_names.empty()) return label;
  for (int i = 0; i < data.classes; ++i) label.class_names.push_back(std::to_string(i));
  return label;
}

std::map<std::string, std::string> texts_of(const NetworkLabel& label) {
  return {{network_key, text_of(label.network)},
          {names_key, names_text(label.class_names)},
          {scaling_key, scaling_text()},
          {background_key, background_text(label)}};
}

NetworkLabel label_in(const std::map<std::string, std::string>& texts) {
  if (!texts.contains(network_key)) {
    throw Error{
        "it does not say in its metadata what network it is, as files of keel train, export and import do; "
        "load such weights in a program, by keel::load_checkpoint"};
  }
  NetworkLabel label{.network = parse_network(text_called(texts, network_key)), .class_names = {}};
  label.class_names = parse_names(text_called(texts, names_key));
  if (std::ssize(label.class_names) != label.network.classes) {
    throw Error{
        fmt::format("the names of its classes are not those of {} different classes", label.network.classes)};
  }
  require_scaling(text_called(texts, scaling_key));
  label.light_background = parse_background(text_called(texts, background_key));
  label.pytorch_names = text_called(texts, format_key) == "pt";
  return label;
}

std::map<std::string, std::string> onnx_texts_of(const NetworkLabel& label) {
  std::map<std::string, std::string> texts{
      {onnx_prefix + image_key, fmt::format("{}x{}", label.network.height, label.network.width)},
      {onnx_prefix + names_key, names_text(label.class_names)},
      {onnx_prefix + scaling_key, scaling_text()}};
  if (label.light_background) texts[onnx_prefix + background_key] = background_text(label);
  return texts;
}

OnnxLabel onnx_label_in(const std::map<std::string, std::string>& texts) {
  OnnxLabel label;
  const auto with = [&](const char* key, const auto& read) {
    if (const auto found = texts.find(onnx_prefix + key); found != texts.end()) read(found->second);
  };
  with(image_key, [&](const auto& text) { parse_image(text, label); });
  with(names_key, [&](const auto& text) { label.class_names = parse_names(text); });
  with(scaling_key, [&](const auto& text) { require_scaling(text); });
  with(background_key, [&](const auto& text) { label.light_background = parse_background(text); });
  return label;
}

}  // namespace keel::tools
