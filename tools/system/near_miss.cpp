#include "keel/tools/system/near_miss.hpp"

#include <algorithm>
#include <vector>

namespace keel::tools {

std::size_t edits_between(std::string_view a, std::string_view b) {
  // Rows of the table for the first i - 2, i - 1 and i letters of `a`.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) now[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before.swap(last);
    last.swap(now);
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t other = a[i - 1] == b[j - 1] ? 0 : 1;
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + other});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
  }
  return now[b.size()];
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> names) {
  constexpr std::size_t longest = 64;  // which no name is, and the time is the product of both lengths
  if (word.size() < 2 || word.size() > longest) return std::nullopt;
  std::optional<std::string> best;
  std::size_t fewest = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const auto& name : names) {
    const auto edits = name.starts_with(word) ? 1 : edits_between(word, name);
    if (edits < fewest) best = name, fewest = edits;
  }
  return best;
}

std::string suggestion(std::string_view word, std::span<const std::string> names) {
  const auto name = nearest(word, names);
  return name ? " (did you mean '" + *name + "'?)" : "";
}

}  // namespace keel::tools
