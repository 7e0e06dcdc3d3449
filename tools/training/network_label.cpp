#include "keel/tools/training/network_label.hpp"

#include <fmt/format.h>

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

std::string scaling_text() {
  return fmt::format("{} * byte + {}", pixel_scale, pixel_shift);
}

const std::string& text_called(const std::map<std::string, std::string>& texts, const char* key) {
  const auto found = texts.find(key);
  if (found == texts.end()) throw Error{fmt::format("it has no '{}' in its metadata", key)};
  return found->second;
}

// As many different ones as there are classes.
std::vector<std::string> parse_names(const std::string& text, std::int64_t classes) {
  constexpr std::size_t longest = 1'000'000;
  const auto json = text.size() <= longest ? Json::parse(text, nullptr, false) : Json{};
  std::vector<std::string> names;
  if (json.is_array()) {
    for (const auto& name : json)
      if (name.is_string()) names.push_back(name.get<std::string>());
  }
  const std::set<std::string> different{names.begin(), names.end()};
  if (std::ssize(names) == classes && different.size() == names.size() && names.size() == json.size())
    return names;
  throw Error{fmt::format("the names of its classes are not those of {} different classes", classes)};
}

}  // namespace

NetworkLabel label_for(const DataSet& data, const NetworkDescription& network) {
  NetworkLabel label{.network = network,
                     .class_names = data.class_names,
                     .light_background = has_light_background(data.train)};
  if (!label.class_names.empty()) return label;
  for (int i = 0; i < data.classes; ++i) label.class_names.push_back(std::to_string(i));
  return label;
}

std::map<std::string, std::string> texts_of(const NetworkLabel& label) {
  return {{network_key, text_of(label.network)},
          {names_key, Json(label.class_names).dump()},
          {scaling_key, scaling_text()},
          {background_key, label.light_background ? "light" : "dark"}};
}

NetworkLabel label_in(const std::map<std::string, std::string>& texts) {
  if (!texts.contains(network_key)) {
    throw Error{
        "it does not say in its metadata what network it is, as files of keel train, export and import do; "
        "load such weights in a program, by keel::load_checkpoint"};
  }
  NetworkLabel label{.network = parse_network(text_called(texts, network_key)), .class_names = {}};
  label.class_names = parse_names(text_called(texts, names_key), label.network.classes);
  if (const auto& scaling = text_called(texts, scaling_key); scaling != scaling_text()) {
    throw Error{fmt::format("its network takes pixels scaled by '{}', and this keel scales by '{}'",
                            scaling.substr(0, 60), scaling_text())};
  }
  const auto& background = text_called(texts, background_key);
  if (background != "light" && background != "dark")
    throw Error{
        fmt::format("its images' background is '{}', neither light nor dark", background.substr(0, 60))};
  label.light_background = background == "light";
  label.pytorch_names = text_called(texts, format_key) == "pt";
  return label;
}

}  // namespace keel::tools
