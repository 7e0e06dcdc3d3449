#include "keel/tools/data/corruption.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>

#include "keel/runtime/error.hpp"

namespace keel::tools {
namespace {

constexpr double grey_range = 255.0;

// An image while it is worked on, in greys that need not be whole yet.
struct GreyValues {
  std::int64_t height;
  std::int64_t width;
  std::vector<double> greys;

  [[nodiscard]] double& at(std::int64_t row, std::int64_t column) {
    return greys[static_cast<std::size_t>(row * width + column)];
  }
  [[nodiscard]] double at(std::int64_t row, std::int64_t column) const {
    return greys[static_cast<std::size_t>(row * width + column)];
  }
};

void add_noise(GreyValues& image, double amount, Rng& rng) {
  for (double& grey : image.greys) grey += grey_range * amount * rng.normal();
}

std::vector<double> normal_kernel(double sd, std::int64_t reach) {
  std::vector<double> kernel;
  for (std::int64_t i = -reach; i <= reach; ++i)
    kernel.push_back(std::exp(-0.5 * static_cast<double>(i * i) / (sd * sd)));
  const double sum = std::accumulate(kernel.begin(), kernel.end(), 0.0);
  for (double& weight : kernel) weight /= sum;
  return kernel;
}

// Along rows, then along columns; beyond the border lies what is at the border.
void blur(GreyValues& image, double amount) {
  const double sd = amount * static_cast<double>(std::min(image.height, image.width));
  const auto reach = static_cast<std::int64_t>(std::ceil(3.0 * sd));
  const auto kernel = normal_kernel(sd, reach);
  for (const bool along_rows : {true, false}) {
    const GreyValues before = image;
    for (std::int64_t row = 0; row < image.height; ++row) {
      for (std::int64_t column = 0; column < image.width; ++column) {
        double sum = 0.0;
        for (std::int64_t i = -reach; i <= reach; ++i) {
          const auto near_row = along_rows ? row : std::clamp<std::int64_t>(row + i, 0, image.height - 1);
          const auto near_column =
              along_rows ? std::clamp<std::int64_t>(column + i, 0, image.width - 1) : column;
          sum += kernel[static_cast<std::size_t>(i + reach)] * before.at(near_row, near_column);
        }
        image.at(row, column) = sum;
      }
    }
  }
}

void lower_contrast(GreyValues& image, double amount) {
  const double mean = std::accumulate(image.greys.begin(), image.greys.end(), 0.0) /
                      static_cast<double>(std::max<std::size_t>(1, image.greys.size()));
  for (double& grey : image.greys) grey = mean + amount * (grey - mean);
}

void brighten(GreyValues& image, double amount) {
  for (double& grey : image.greys) grey += grey_range * amount;
}

std::int64_t pixels_of(double amount, std::int64_t side) {
  return std::max<std::int64_t>(1, std::llround(amount * static_cast<double>(side)));
}

void translate(GreyValues& image, double amount, Rng& rng) {
  constexpr std::array<std::array<std::int64_t, 2>, 8> directions{
      {{-1, -1}, {-1, 0}, {-1, 1}, {0, -1}, {0, 1}, {1, -1}, {1, 0}, {1, 1}}};
  const auto [down, right] = directions[rng.below(directions.size())];
  const auto rows = down * pixels_of(amount, image.height);
  const auto columns = right * pixels_of(amount, image.width);
  const GreyValues before = image;
  for (std::int64_t row = 0; row < image.height; ++row) {
    for (std::int64_t column = 0; column < image.width; ++column) {
      const auto from_row = row - rows;
      const auto from_column = column - columns;
      const bool inside =
          from_row >= 0 && from_row < image.height && from_column >= 0 && from_column < image.width;
      image.at(row, column) = inside ? before.at(from_row, from_column) : 0.0;
    }
  }
}

void occlude(GreyValues& image, double amount, Rng& rng) {
  const auto height = std::min(pixels_of(amount, image.height), image.height);
  const auto width = std::min(pixels_of(amount, image.width), image.width);
  const auto place = [&](std::int64_t side, std::int64_t part) {
    return static_cast<std::int64_t>(rng.uniform() * static_cast<double>(side - part + 1));
  };
  const auto top = place(image.height, height);
  const auto left = place(image.width, width);
  for (std::int64_t row = top; row < top + height; ++row)
    for (std::int64_t column = left; column < left + width; ++column)
      image.at(row, column) = 0.5 * grey_range;
}

void corrupt(GreyValues& image, Corruption corruption, double amount, Rng& rng) {
  switch (corruption) {
    case Corruption::noise:
      return add_noise(image, amount, rng);
    case Corruption::blur:
      return blur(image, amount);
    case Corruption::contrast:
      return lower_contrast(image, amount);
    case Corruption::brightness:
      return brighten(image, amount);
    case Corruption::translation:
      return translate(image, amount, rng);
    case Corruption::occlusion:
      return occlude(image, amount, rng);
  }
}

}  // namespace

const std::vector<Corruption>& all_corruptions() {
  static const std::vector all{Corruption::noise,      Corruption::blur,        Corruption::contrast,
                               Corruption::brightness, Corruption::translation, Corruption::occlusion};
  return all;
}

std::string name_of(Corruption corruption) {
  constexpr std::array names{"noise", "blur", "contrast", "brightness", "translation", "occlusion"};
  return names.at(static_cast<std::size_t>(corruption));
}

double amount_of(Corruption corruption, int strength) {
  constexpr std::array<std::array<double, strongest>, 6> amounts{{{0.1, 0.2, 0.3, 0.45, 0.6},
                                                                  {0.02, 0.04, 0.06, 0.08, 0.1},
                                                                  {0.6, 0.4, 0.25, 0.15, 0.1},
                                                                  {0.1, 0.2, 0.3, 0.4, 0.5},
                                                                  {0.04, 0.07, 0.11, 0.14, 0.18},
                                                                  {0.2, 0.3, 0.4, 0.5, 0.6}}};
  if (strength < 1 || strength > strongest)
    throw Error{fmt::format("a corruption has a strength from 1 to {}, not {}", strongest, strength)};
  return amounts.at(static_cast<std::size_t>(corruption)).at(static_cast<std::size_t>(strength - 1));
}

ImageSet corrupted(const ImageSet& set, Corruption corruption, int strength, const Rng& rng) {
  const double amount = amount_of(corruption, strength);
  ImageSet result{.height = set.height, .width = set.width, .pixels = {}, .labels = set.labels};
  result.pixels.reserve(set.pixels.size());
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const auto pixels = set.image(i);
    GreyValues image{set.height, set.width, {pixels.begin(), pixels.end()}};
    Rng own = rng.stream(name_of(corruption), static_cast<std::uint64_t>(i));
    corrupt(image, corruption, amount, own);
    for (const double grey : image.greys)
      result.pixels.push_back(static_cast<std::uint8_t>(std::lround(std::clamp(grey, 0.0, grey_range))));
  }
  return result;
}

}  // namespace keel::tools
