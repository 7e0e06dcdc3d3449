#pragma once

#include <span>
#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace keel::tools {

/// The command that the words of a command line, the program's name left out, are for: the innermost that is
/// named.
const CLI::App& named_command(const CLI::App& app, std::span<const std::string> words);

/// "keel data mnist": how a command is called.
std::string path_of(const CLI::App& command);

/// What `--help` prints of a command: what it does, its options with their defaults, and the exit statuses;
/// in lines of at most `width` characters.
std::string help_text(const CLI::App& command, std::size_t width);

/// Throws UsageError for a word that names no command or option, with the one that it was most likely meant
/// to be.
void require_known_words(const CLI::App& app, std::span<const std::string> words);

/// What is wrong with a command line that could not be parsed, in a sentence of the program's own.
std::string usage_sentence(const CLI::App& app, const CLI::ParseError& error,
                           std::span<const std::string> words);

}  // namespace keel::tools
