#include <fmt/format.h>
#include <unistd.h>

#include "fuzz.hpp"
#include "keel/tools/data/sha256.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/runs/run_store.hpp"
#include "keel/tools/system/json.hpp"

namespace keel::fuzz {
namespace {

using namespace keel::tools;

RunSettings settings() {
  return {
      .study = "made-up", .model = "bn", .factors = {{"size", 0.1}, {"kind", "a+b"}}, .epochs = 3, .seed = 7};
}

const RunStore& store() {
  static const RunStore store{
      std::filesystem::temp_directory_path() / "keel-fuzz-runs", {{"data", "abc"}}, true};
  return store;
}

// As it is kept. An input is the object without its checksum, which gets one that is right.
std::string with_right_checksum(std::string_view object) {
  Sha256 sum;
  sum.add({reinterpret_cast<const std::uint8_t*>(object.data()), object.size()});
  return fmt::format("{{\"sha256\":\"{}\",{}\n", sum.hex(), object.substr(1));
}

}  // namespace

void read(std::span<const std::uint8_t> bytes) {
  const auto text = text_of(bytes);
  (void)store().run_in(text.starts_with('{') ? with_right_checksum(text) : std::string{text}, "it",
                       settings());
}

std::vector<std::string> seeds() {
  RunResult run{.settings = settings(), .parameters = 101'770};
  for (int epoch = 1; epoch <= 3; ++epoch) {
    run.epochs.push_back(
        {.epoch = epoch, .steps = 5, .seconds = 0.1, .train_loss = 1.0 / epoch, .validation = {0.1, 0.7}});
  }
  run.test = Evaluation{0.2, 0.9};
  run.measures["series"] = {0.1, 1e308};
  auto diverged = run;
  diverged.diverged = true;
  diverged.divergence = "the loss was nan in epoch 1, step 3";
  diverged.test.reset();
  std::vector<std::string> result;
  for (const auto& each : {run, diverged}) {
    result.push_back(json_text(Json{
        {"provenance", {{"data", "abc"}}}, {"settings", to_json(each.settings)}, {"run", to_json(each)}}));
  }
  result.push_back("\n" + with_right_checksum(result[0]));
  return result;
}

}  // namespace keel::fuzz
