#pragma once

#include <concepts>
#include <string>
#include <string_view>

#pragma GCC visibility push(hidden)

namespace keel {

/// "1 gradient", "2 gradients": how an error text counts things. The plural is the noun with an s, if none is
/// given.
template <std::integral Count>
std::string counted(Count count, std::string_view noun, std::string_view plural = {}) {
  std::string text = std::to_string(count) + ' ';
  text += count == 1 || plural.empty() ? noun : plural;
  if (count != 1 && plural.empty()) text += 's';
  return text;
}

}  // namespace keel

#pragma GCC visibility pop
