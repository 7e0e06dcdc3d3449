#include "keel/tools/commands/help.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/system/near_miss.hpp"
#include "keel/tools/system/terminal.hpp"

namespace keel::tools {
namespace {

constexpr auto exit_statuses =
    "Exit status: 0 done; 1 the run failed, or output was lost; 2 the command line is wrong; 3 the input data is "
    "missing or bad; 128 + N ended by signal N (130 Ctrl-C, 143 SIGTERM, 129 SIGHUP), what was finished being kept.";

bool is_flag(const CLI::Option& option) {
  return option.get_items_expected_max() == 0;
}

// "N": what stands for its value. (CLI11 appends what its checks say of themselves.)
std::string value_name(const CLI::Option& option) {
  const auto type = option.get_type_name();
  return is_flag(option) ? "" : type.substr(0, type.find(':'));
}

std::string left_side(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true);
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  auto text = fmt::format("{}", fmt::join(names, ", "));
  if (const auto value = value_name(option); !value.empty()) text += " " + value;
  return text;
}

std::string right_side(const CLI::Option& option) {
  const auto standard = is_flag(option) ? "" : option.get_default_str();
  return option.get_description() + (standard.empty() ? "" : fmt::format(" [{}]", standard));
}

struct HelpLine {
  std::string left;
  std::string right;
};

void add_lines(std::string& text, const char* title, const std::vector<HelpLine>& lines, std::size_t width) {
  if (lines.empty()) return;
  const std::size_t widest_left = width < 60 ? 8 : 24;
  std::size_t left = 0;
  for (const auto& line : lines) left = std::max(left, std::min(line.left.size(), widest_left));
  const std::string indent(left + 4, ' ');
  text += fmt::format("\n{}:\n", title);
  for (const auto& line : lines) {
    if (line.left.size() > left) {
      text += fmt::format("  {}\n{}", line.left, indent);
    } else {
      text += fmt::format("  {:{}}  ", line.left, left);
    }
    text += wrapped(line.right, width, indent, indent.size()) + "\n";
  }
}

// Without those that only the program itself calls.
std::vector<const CLI::App*> shown_commands(const CLI::App& app) {
  std::vector<const CLI::App*> commands;
  for (const auto* command : app.get_subcommands(nullptr))
    if (!command->get_group().empty()) commands.push_back(command);
  return commands;
}

std::vector<std::string> names_of_commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : shown_commands(app)) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> names_of_options(const CLI::App& command) {
  std::vector<std::string> names;
  for (const auto* option : command.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// The option that an error of CLI11's is about: its name begins what is said, before a colon, or else is in it.
const CLI::Option* option_in(const CLI::App& command, const std::string& said) {
  const CLI::Option* best = nullptr;
  std::size_t longest = 0;
  for (const auto* option : command.get_options()) {
    const auto name = option->get_name(option->get_positional());
    if (said.starts_with(name + ":")) return option;
    if (name.size() > longest && said.find(name) != std::string::npos) best = option, longest = name.size();
  }
  return best;
}

bool is_of(const CLI::ParseError& error, CLI::ExitCodes kind) {
  return error.get_exit_code() == static_cast<int>(kind);
}

// The first word that nothing takes. CLI11 lists all of them behind a colon.
std::string left_over_word(const CLI::ParseError& error, std::span<const std::string> words) {
  const std::string said = error.what();
  const auto listed = " " + said.substr(std::min(said.find(": ") + 2, said.size())) + " ";
  const auto found = std::ranges::find_if(
      words, [&](const std::string& word) { return listed.find(" " + word + " ") != std::string::npos; });
  return found == words.end() ? "" : *found;
}

// How often an option is given.
std::ptrdiff_t times_given(const CLI::Option& option, std::span<const std::string> words) {
  const auto name = option.get_name();
  return std::ranges::count_if(
      words, [&](const std::string& word) { return word == name || word.starts_with(name + "="); });
}

std::string sentence_about(const CLI::Option& option, const CLI::ParseError& error,
                           std::span<const std::string> words) {
  const auto name = option.get_name(option.get_positional());
  const std::string said = error.what();
  if (is_flag(option)) return fmt::format("{} takes no value", name);
  if (is_of(error, CLI::ExitCodes::RequiredError))
    return fmt::format("{} is missing: {}", name, option.get_description());
  if (is_of(error, CLI::ExitCodes::ValidationError)) {
    const auto after = said.find(": ");
    const auto fault = after == std::string::npos ? said : said.substr(after + 2);
    return fault.starts_with("takes ") ? fmt::format("{} {}", name, fault)
                                       : fmt::format("{} can't be that: {}", name, fault);
  }
  if (is_of(error, CLI::ExitCodes::ConversionError))
    return fmt::format("{} takes {}, not '{}'", name, value_name(option), said.substr(said.rfind(' ') + 1));
  if (times_given(option, words) > 1) return fmt::format("{} is given more than once", name);
  return fmt::format("{} needs a value: {}", name, value_name(option));
}

}  // namespace

const CLI::App& named_command(const CLI::App& app, std::span<const std::string> words) {
  const auto* command = &app;
  for (const auto& word : words) {
    if (word.starts_with('-')) continue;
    const auto commands = command->get_subcommands(nullptr);
    const auto found = std::ranges::find(commands, word, [](const auto* each) { return each->get_name(); });
    if (found == commands.end()) break;
    command = *found;
  }
  return *command;
}

std::string path_of(const CLI::App& command) {
  const auto* parent = command.get_parent();
  return parent == nullptr ? command.get_name() : path_of(*parent) + " " + command.get_name();
}

std::string help_text(const CLI::App& command, std::size_t width) {
  std::vector<HelpLine> arguments;
  std::vector<HelpLine> options;
  std::vector<HelpLine> commands;
  auto usage = "Usage: " + path_of(command);
  for (const auto* option : command.get_options()) {
    (option->get_positional() ? arguments : options).push_back({left_side(*option), right_side(*option)});
    if (option->get_positional()) usage += " " + option->get_name(true);
  }
  for (const auto* each : shown_commands(command))
    commands.push_back({each->get_name(), each->get_description()});
  usage += commands.empty() ? " [OPTION]..." : " COMMAND [OPTION]...";
  auto text = wrapped(command.get_description(), width) + "\n\n" + usage + "\n";
  add_lines(text, "Arguments", arguments, width);
  add_lines(text, "Commands", commands, width);
  add_lines(text, "Options", options, width);
  if (!commands.empty())
    text += fmt::format("\n{}\n",
                        wrapped(path_of(command) + " COMMAND --help lists a command's options.", width));
  return text + "\n" + wrapped(exit_statuses, width) + "\n";
}

void require_known_words(const CLI::App& app, std::span<const std::string> words) {
  const auto* command = &app;
  for (const auto& word : words) {
    const auto help = path_of(*command) + " --help";
    if (word == "--") return;
    if (word.starts_with("--")) {
      const auto name = word.substr(0, word.find('='));
      const auto names = names_of_options(*command);
      if (std::ranges::find(names, name) != names.end()) continue;
      throw UsageError{fmt::format("{} has no option '{}'{}; see {}", path_of(*command), name,
                                   suggestion(name, names), help)};
    }
    const auto names = names_of_commands(*command);
    if (names.empty() || word.starts_with('-')) continue;
    const auto commands = command->get_subcommands(nullptr);
    const auto named = std::ranges::find(commands, word, [](const auto* each) { return each->get_name(); });
    if (named == commands.end()) {
      throw UsageError{fmt::format("{} has no command '{}', only {}{}; see {}", path_of(*command), word,
                                   fmt::join(names, ", "), suggestion(word, names), help)};
    }
    command = *named;
  }
}

std::string usage_sentence(const CLI::App& app, const CLI::ParseError& error,
                           std::span<const std::string> words) {
  const auto& command = named_command(app, words);
  const auto path = path_of(command);
  std::string sentence;
  if (is_of(error, CLI::ExitCodes::ExtrasError)) {
    const auto word = left_over_word(error, words);
    sentence = word.starts_with('-') ? fmt::format("{} has no option '{}'", path, word)
                                     : fmt::format("{} takes no argument '{}'", path, word);
  } else if (const auto* option = option_in(command, error.what())) {
    sentence = sentence_about(*option, error, words);
  } else if (const auto names = names_of_commands(command); !names.empty()) {
    sentence = fmt::format("a command is missing after '{}': {}", path, fmt::join(names, ", "));
  } else {
    sentence = fmt::format("{} can't be called like that ({})", path, error.what());
  }
  return fmt::format("{}; see {} --help", sentence, path);
}

}  // namespace keel::tools
