#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "keel/runtime/rng.hpp"
#include "keel/tools/data/image_set.hpp"

namespace keel::tools {

/// What is done to images that a network was not trained on: kinds and strengths in the manner of Hendrycks
/// and Dietterich (2019), "Benchmarking neural network robustness to common corruptions and perturbations",
/// for grey images of any size.
enum class Corruption : std::uint8_t {
  noise,        ///< normal, with a standard deviation of so much of the range of grey
  blur,         ///< by a normal kernel, its standard deviation so much of the image's shorter side
  contrast,     ///< what is left of a pixel's distance from the image's mean
  brightness,   ///< added to every pixel, as a part of the range
  translation,  ///< by so much of each side, in one of the eight directions; black follows
  occlusion,    ///< a grey rectangle somewhere, its sides so much of the image's
};
const std::vector<Corruption>& all_corruptions();
/// "noise", "blur", ...
std::string name_of(Corruption corruption);

inline constexpr int strongest = 5;
/// How much it is at a strength from 1 to `strongest`: see `Corruption`. Throws Error for another strength.
double amount_of(Corruption corruption, int strength);

/// The images so corrupted, each by a random stream of its own, derived from `rng`, the kind and the image's
/// number: alike at all strengths. Labels stay. Pixels are rounded to the nearest grey and kept within its
/// range.
ImageSet corrupted(const ImageSet& set, Corruption corruption, int strength, const Rng& rng);

}  // namespace keel::tools
