#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "keel/tools/training/run.hpp"

namespace keel::tools {

// A run's settings in words.

/// "128", "4 × 128", "300, 100"; "none" for no hidden layer.
std::string hidden_text(const std::vector<std::int64_t>& hidden);

/// "SGD, momentum 0.9", "Adam, weight decay 0.0001".
std::string optimizer_text(const RunSettings& settings);

/// A factor's value as people read it: "0.001", "sigmoid".
std::string value_text(const Factor& value);

/// A name of results.json as people read it: "weight sd" for "weight_sd".
std::string name_text(std::string_view name);

/// An arm with its factors: "batch norm, depth 20".
std::string arm_text(const std::string& model, const Factors& factors);

/// A run without its seed: "learning-rate: plain, batch 64, learning rate 10".
std::string run_text(const RunSettings& settings);

}  // namespace keel::tools
