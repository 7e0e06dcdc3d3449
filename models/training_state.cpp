#include "keel/models/training_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <set>
#include <utility>

#include "keel/models/checkpoint_match.hpp"
#include "keel/models/safetensors.hpp"
#include "keel/models/safetensors_header.hpp"
#include "keel/runtime/error.hpp"

namespace keel {
namespace {

// Numbers and streams stand among the file's texts.

std::string text_of(const Rng* random) {
  const auto state = random->state();
  return fmt::format("{:016x} {:016x} {:016x} {:016x} {:016x}", state[0], state[1], state[2], state[3],
                     state[4]);
}
template <class Number>
std::string text_of(const Number* number) {
  return fmt::format("{}", *number);  // of a double the shortest text that stands for this very number
}

// Whether all of `text` is a number.
template <class Number>
bool parse(std::string_view text, Number& number, auto... base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base...);
  return error == std::errc{} && end == text.data() + text.size();
}

bool assign(Rng* random, std::string_view text) {
  Rng::State state{};
  constexpr std::size_t digits = 16;
  if (text.size() != state.size() * (digits + 1) - 1) return false;
  for (std::size_t i = 0; i < state.size(); ++i)
    if (!parse(text.substr(i * (digits + 1), digits), state[i], 16)) return false;
  random->set_state(state);
  return true;
}
template <class Number>
bool assign(Number* number, std::string_view text) {
  return parse(text, *number);
}

std::string text_name(std::string_view value) {
  return fmt::format("{}{}", detail::training_prefix, value);
}

std::string array_name(std::string_view network, const OptimizerState& state) {
  return fmt::format("{}{}{}{}{}{}", detail::optimizer_prefix, network, network.empty() ? "" : "/",
                     state.name, state.path.empty() ? "" : "/", state.path);
}

// Throws where the file has no such number or stream.
template <class Value>
void require_value(const Safetensors& file, std::string_view name, const Value* value) {
  const auto found = file.metadata().find(text_name(name));
  if (found == file.metadata().end()) {
    file.fail(fmt::format(
        "it has no '{}', which the training state has: {}", name,
        name == "step" || name == "random" ? "it is that of a model alone" : "it is that of another run"));
  }
  auto copy = *value;
  if (!assign(&copy, found->second))
    file.fail(fmt::format("its '{}' makes no sense: '{}'", name, found->second));
}

// Of the optimizers' arrays the file must have all, and no others.
std::vector<detail::Copy> copies_of(const Safetensors& file, std::span<const OptimizerState> arrays) {
  std::vector<detail::Copy> copies;
  std::set<std::string_view> known;
  for (const auto& [path, name, value] : arrays) {
    const auto found = file.entries().find(name);
    if (found == file.entries().end())
      file.fail(fmt::format(
          "it has no '{}', which the training state has: it was written with another optimizer or other parts",
          name));
    const auto& entry = found->second;
    if (entry.shape != value.shape() || !entry.can_be_read_as(value.dtype())) {
      file.fail(fmt::format("'{}' is {} {} in it and {} in the training state", name, entry.dtype,
                            to_string(entry.shape), to_string(value.type())));
    }
    copies.push_back({file.tensor(name, value.dtype()), value});
    known.insert(name);
  }
  for (const auto& [name, entry] : file.entries()) {
    if (name.starts_with(detail::optimizer_prefix) && !known.contains(name))
      file.fail(fmt::format(
          "it has '{}', which the training state has not: it was written with another optimizer or other parts",
          name));
  }
  return copies;
}

}  // namespace

void TrainingState::require_name(std::string_view name) const {
  const auto is_it = [&](const auto& part) { return part.name == name; };
  const bool taken =
      !name.empty() && (std::ranges::any_of(networks_, is_it) || std::ranges::any_of(values_, is_it));
  const bool fits =
      !name.empty() && name.find_first_of("./") == std::string_view::npos && detail::is_utf8(name);
  if (!taken && fits) return;
  throw Error{
      fmt::format("a part of a training state can't be called '{}': {}", name,
                  taken ? "there is one of that name already"
                        : "a name must not be empty and not have a dot or a slash in it, and must be UTF-8")};
}

TrainingState& TrainingState::add_value(std::string_view name, Place place) {
  require_name(name);
  values_.push_back({std::string{name}, place});
  return *this;
}

// Of all networks, by path. A part that has an optimizer of its own may be in two of them.
std::vector<NamedParameter> TrainingState::parameters() const {
  std::vector<NamedParameter> result;
  std::set<std::pair<std::string, const Parameter*>> known;
  for (const auto& network : networks_) {
    for (const auto& [path, parameter] : network.parameters()) {
      auto name = network.name.empty() ? path : fmt::format("{}.{}", network.name, path);
      if (known.emplace(name, parameter).second) result.push_back({std::move(name), parameter});
    }
  }
  detail::require_distinct_paths(result);
  return result;
}

std::vector<NamedSetting> TrainingState::settings() const {
  std::vector<NamedSetting> result;
  for (const auto& network : networks_) {
    for (const auto& [path, value] : network.settings())
      result.push_back({network.name.empty() ? path : fmt::format("{}.{}", network.name, path), value});
  }
  detail::require_distinct_paths(result);
  return result;
}

std::vector<OptimizerState> TrainingState::optimizer_arrays() const {
  std::vector<OptimizerState> result;
  for (const auto& network : networks_) {
    for (const auto& state : network.optimizer_state(network.parameters()))
      result.push_back({state.path, array_name(network.name, state), state.value});
  }
  return result;
}

void save_checkpoint(const TrainingState& state, const std::filesystem::path& path,
                     const std::map<std::string, std::string>& texts) {
  auto tensors = detail::tensors_of(state.parameters(), path);
  for (const auto& array : state.optimizer_arrays()) tensors.push_back({array.name, array.value});
  auto all_texts = detail::texts_of(state.settings());
  detail::add_texts(all_texts, texts, path);
  for (const auto& [name, place] : state.values_)
    all_texts[text_name(name)] = std::visit([](const auto* value) { return text_of(value); }, place);
  write_safetensors(path, tensors, all_texts);
}

void load_checkpoint(const TrainingState& state, const std::filesystem::path& path) {
  Safetensors file{path};
  LoadReport report;
  std::vector<detail::Match> matches;
  file.read_values_if([&] {
    matches = detail::match_parameters(file, state.parameters(), {}, report);
    detail::compare_settings(file, state.settings(), {}, report);
    for (const auto& [name, place] : state.values_)
      std::visit([&key = name, &file](const auto* value) { require_value(file, key, value); }, place);
  });
  detail::MatchedMemory memory{matches};
  const auto arrays = state.optimizer_arrays();
  const auto copies = copies_of(file, arrays);
  detail::copy(detail::copies_of(file, matches));
  detail::copy(copies);
  for (const auto& [name, place] : state.values_)
    std::visit([&text = file.metadata().at(text_name(name))](auto* value) { assign(value, text); }, place);
  memory.keep();
}

}  // namespace keel
