#include "keel/tools/commands/command_line.hpp"

#include "fuzz.hpp"

namespace keel::fuzz {

// A word a line.
void read(std::span<const std::uint8_t> bytes) {
  std::vector<std::string> words{"keel"};
  auto text = text_of(bytes);
  while (!text.empty() && words.size() < 40) {
    const auto end = std::min(text.find('\n'), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  tools::check_command_line(words);
}

std::vector<std::string> seeds() {
  return {
      "compare\n--data\ndigits\n--seed\n3\n--seeds\n2\n--epochs\n1\n--batch-size\n32\n--learning-rate\n1e-2\n"
      "--momentum\n0.9\n--limit\n100\n--threads\n2\n--out\nx\n--force\n--quiet\n--resume",
      "batch-study\n--batch-sizes\n32,64\n--epochs=2",
      "study\ndepth\n--quick\n--seed=18446744073709551615",
      "report\nfolder",
      "data\nmnist\n--url\nfile:///x\n--force",
      "data\ndigits\n--out\nx",
      "data\ninfo\n--data\nx",
      "bench\n--model\nbn\n--model\nplain\n--against\ntorch\n--json\nx\n--profile\nbn\n--repeats\n3",
      "graph\n--model\nbn\n--step\n--out\nx",
      "--help",
      "compare\n-h",
      "--version"};
}

}  // namespace keel::fuzz
