#include "keel/tools/bench/cases.hpp"

#include <array>

#include "keel/runtime/rng.hpp"

namespace keel::tools {

std::span<const char* const> bench_models() {
  static constexpr std::array models{"plain", "bn", "deep-plain", "deep-bn", "wide-plain", "wide-bn"};
  return models;
}

MlpOptions bench_network(const std::string& model) {
  MlpOptions options;
  if (model.starts_with("deep")) options.hidden.assign(40, 64);
  if (model.starts_with("wide")) options.hidden = {2048, 2048};
  options.batch_norm = model.find("bn") != std::string::npos;
  return options;
}

std::vector<BenchCase> bench_cases() {
  std::vector<BenchCase> result;
  const auto add = [&](const std::string& model, std::int64_t batch, bool training) {
    result.push_back({training ? model : model + "-inference", bench_network(model), batch, training});
  };
  for (const std::int64_t batch : {32, 64, 128, 512}) {
    for (const auto* model : {"plain", "bn"}) add(model, batch, true);
  }
  for (const auto* model : {"deep-plain", "deep-bn"}) add(model, 64, true);
  for (const auto* model : {"wide-plain", "wide-bn"}) add(model, 256, true);
  for (const std::int64_t batch : {1, 64, 1024}) {
    for (const auto* model : {"plain", "bn"}) add(model, batch, false);
  }
  return result;
}

NoiseBatch::NoiseBatch(std::int64_t size, const MlpOptions& network)
    : images(Shape{size, network.inputs}), labels(Shape{size}, DType::s32) {
  Rng rng{1};
  for (auto& pixel : images.data<float>()) pixel = static_cast<float>(rng.uniform(-1.0, 1.0));
  for (auto& label : labels.data<std::int32_t>()) {
    label = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(network.classes)));
  }
}

}  // namespace keel::tools
