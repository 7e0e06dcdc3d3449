#include "keel/tools/report/settings_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "keel/tools/runs/arms.hpp"
#include "keel/tools/system/number_text.hpp"

namespace keel::tools {

std::string hidden_text(const std::vector<std::int64_t>& hidden) {
  if (hidden.empty()) return "none";
  const bool alike = std::ranges::all_of(hidden, [&](std::int64_t width) { return width == hidden.front(); });
  if (alike && hidden.size() > 1) return fmt::format("{} \u00D7 {}", hidden.size(), hidden.front());
  return fmt::format("{}", fmt::join(hidden, ", "));
}

std::string optimizer_text(const RunSettings& settings) {
  auto text = settings.optimizer == "adam" ? std::string{"Adam"}
              : settings.momentum > 0.0    ? fmt::format("SGD, momentum {}", short_text(settings.momentum))
                                           : std::string{"SGD"};
  if (settings.weight_decay > 0.0)
    text += fmt::format(", weight decay {}", short_text(settings.weight_decay));
  return text;
}

std::string value_text(const Factor& value) {
  if (value.is_word()) return value.word();
  return value.is_whole() ? fmt::format("{}", value.whole()) : short_text(value.number());
}

std::string name_text(std::string_view name) {
  std::string words{name};
  std::ranges::replace(words, '_', ' ');
  return words;
}

std::string arm_text(const std::string& model, const Factors& factors) {
  auto text = label_of(model);
  for (const auto& [name, value] : factors)
    text += fmt::format(", {} {}", name_text(name), value_text(value));
  return text;
}

std::string run_text(const RunSettings& settings) {
  return fmt::format("{}{}{}, batch {}, learning rate {}", settings.study, settings.study.empty() ? "" : ": ",
                     arm_text(settings.model, settings.factors), settings.batch_size,
                     short_text(settings.learning_rate));
}

}  // namespace keel::tools
