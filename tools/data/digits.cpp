#include "keel/tools/data/digits.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/runtime/error.hpp"
#include "keel/runtime/rng.hpp"
#include "keel/tools/data/digit_strokes.hpp"
#include "keel/tools/system/worker_pool.hpp"

namespace keel::tools {
namespace {

// Only + - * / and sqrt on doubles, and integers: anything else may differ from one C library to the next.
// Draws are made one a statement, or in braces, because C++ leaves the order of a call's arguments open.

constexpr int side = 28;
using Image = std::span<std::uint8_t, side * side>;
using Lines = std::vector<std::vector<StrokePoint>>;

// How far the handwriting strays, as standard deviations unless said otherwise. Tuned so that a net with one
// hidden layer of 128 finds the digits about as hard as MNIST's.
struct Hand {
  static constexpr double wobble = 4.2;  // of every control point, in hundredths of the glyph's height
  static constexpr double bend = 0.09;   // of the warp's coefficients, for coordinates from -1 to 1
  static constexpr double slant = 0.25;  // sideways over upwards, about 0.12
  static constexpr double turn = 0.075;  // tangent of half the angle
  static constexpr double width = 0.17;  // of the width over the height, about 1.05
  static constexpr double size = 0.07;   // of the longer side, about 20 pixels, relative
  static constexpr double shift = 0.8;   // pixels
};

// Nearly normal, mean 0 and standard deviation 1: four uniform draws, whose variance adds up to a third.
double bell(Rng& rng) {
  double sum = -2;
  for (int i = 0; i < 4; ++i) sum += rng.uniform();
  return sum * 1.7320508075688772;
}

const Glyph& choose(const std::vector<Glyph>& glyphs, Rng& rng) {
  double total = 0;
  for (const Glyph& glyph : glyphs) total += glyph.weight;
  double left = rng.uniform(0, total);
  for (const Glyph& glyph : glyphs) {
    left -= glyph.weight;
    if (left < 0) return glyph;
  }
  return glyphs.back();
}

// The glyph's strokes with every control point off by a little.
Lines write(const Glyph& glyph, Rng& rng) {
  const double wobble = Hand::wobble * rng.uniform(0.4, 1.6);
  Lines lines;
  for (Stroke stroke : glyph.strokes) {
    for (ControlPoint& point : stroke) {
      point.x += wobble * bell(rng);
      point.y += wobble * bell(rng);
    }
    lines.push_back(flatten(stroke));
  }
  return lines;
}

// Centres the box on the origin, of half height 1, and warps it by a random polynomial of the third degree:
// bows, perspective and a waist.
void bend(Lines& lines, Rng& rng) {
  std::array<double, 10> c{};
  for (double& coefficient : c) coefficient = Hand::bend * bell(rng);
  for (auto& line : lines) {
    for (StrokePoint& point : line) {
      const double x = point.x / 50 - 1;
      const double y = point.y / 50 - 1;
      point.x = x + c[0] * x * y + c[1] * y * y + c[2] * x * x + c[3] * y * y * y + c[4] * x * y * y;
      point.y = y + c[5] * x * y + c[6] * y * y + c[7] * x * x + c[8] * x * x * x + c[9] * x * x * y;
    }
  }
}

// Narrows or widens, slants and turns.
void skew(Lines& lines, Rng& rng) {
  const double width = std::max(0.5, 1.05 + Hand::width * bell(rng));
  const double slant = Hand::slant * bell(rng) + 0.12;
  const double t = Hand::turn * bell(rng);
  const double cosine = (1 - t * t) / (1 + t * t);
  const double sine = 2 * t / (1 + t * t);
  for (auto& line : lines) {
    for (StrokePoint& point : line) {
      const double x = width * point.x - slant * point.y;
      const double y = point.y;
      point = {cosine * x - sine * y, sine * x + cosine * y};
    }
  }
}

double distance(StrokePoint a, StrokePoint b) {
  const double x = b.x - a.x;
  const double y = b.y - a.y;
  return std::sqrt(x * x + y * y);
}

// Scales the longer side of the strokes' bounding box to `length` pixels and puts their centre of mass at
// `centre`.
void place(Lines& lines, double length, StrokePoint centre) {
  StrokePoint low = lines[0][0];
  StrokePoint high = low;
  StrokePoint sum;
  double mass = 0;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const StrokePoint p = line[i];
      low = {std::min(low.x, p.x), std::min(low.y, p.y)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y)};
      if (i == 0) continue;
      const double weight = distance(line[i - 1], p);
      mass += weight;
      sum.x += weight * (line[i - 1].x + p.x) / 2;
      sum.y += weight * (line[i - 1].y + p.y) / 2;
    }
  }
  const double scale = length / std::max(high.x - low.x, high.y - low.y);
  const StrokePoint middle{sum.x / mass, sum.y / mass};
  for (auto& line : lines) {
    for (StrokePoint& p : line)
      p = {centre.x + scale * (p.x - middle.x), centre.y + scale * (p.y - middle.y)};
  }
}

// The pen at one moment: where, how broad, and how black.
struct Dab {
  StrokePoint at;
  double radius = 0;  // pixels
  double ink = 1;     // 0 to 1
};

// What has been drawn so far: 0 is bare paper, 1 full ink.
class Canvas {
 public:
  // `edge` is how many pixels the ink takes to fade out at a stroke's border.
  explicit Canvas(double edge) : edge_(edge) {}

  // Draws from `a` to `b`; where ink is already, the darker wins, so that a stroke's joints don't show.
  void draw(const Dab& a, const Dab& b) {
    const double reach = std::max(a.radius, b.radius) + edge_ / 2;
    const double dx = b.at.x - a.at.x;
    const double dy = b.at.y - a.at.y;
    const double length2 = std::max(dx * dx + dy * dy, 1e-12);
    const int left = pixel(std::min(a.at.x, b.at.x) - reach);
    const int right = pixel(std::max(a.at.x, b.at.x) + reach);
    const int top = pixel(std::min(a.at.y, b.at.y) - reach);
    const int bottom = pixel(std::max(a.at.y, b.at.y) + reach);
    for (int row = top; row <= bottom; ++row) {
      for (int column = left; column <= right; ++column) {
        const double x = column + 0.5 - a.at.x;
        const double y = row + 0.5 - a.at.y;
        const double t = std::clamp((x * dx + y * dy) / length2, 0.0, 1.0);
        const double off = distance({x, y}, {t * dx, t * dy});
        const double radius = a.radius + t * (b.radius - a.radius);
        const double cover = std::clamp((radius - off) / edge_ + 0.5, 0.0, 1.0);
        float& ink = ink_[static_cast<std::size_t>(row) * side + static_cast<std::size_t>(column)];
        ink = std::max(ink, static_cast<float>(cover * (a.ink + t * (b.ink - a.ink))));
      }
    }
  }

  [[nodiscard]] std::span<const float, side * side> ink() const { return ink_; }

 private:
  static int pixel(double place) { return static_cast<int>(std::clamp(place, 0.0, side - 1.0)); }

  double edge_;
  std::array<float, side * side> ink_{};
};

// Draws the strokes with a pressure that drifts along each, and now and then a place where the pen ran dry.
void draw(Canvas& canvas, const Lines& lines, double radius, Rng& rng) {
  for (const auto& line : lines) {
    const double first = radius * (1 + 0.12 * bell(rng));
    const double last = radius * (1 + 0.12 * bell(rng));
    const double dry = rng.uniform() < 0.12 ? rng.uniform() : -1;  // -1 is nowhere on the stroke
    const auto steps = static_cast<double>(line.size() - 1);
    Dab before;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const double t = static_cast<double>(i) / steps;
      const double away = std::abs(t - dry) / 0.08;
      const Dab dab{line[i], std::max(0.5, first + t * (last - first)), std::clamp(away, 0.15, 1.0)};
      if (i > 0) canvas.draw(before, dab);
      before = dab;
    }
  }
}

// A short stray line, anywhere, fainter than the digit.
void draw_clutter(Canvas& canvas, Rng& rng) {
  const Dab from{{rng.uniform(0, side), rng.uniform(0, side)}, rng.uniform(0.4, 1.0), rng.uniform(0.3, 0.9)};
  Dab to = from;
  to.at.x += 2.5 * bell(rng);
  to.at.y += 2.5 * bell(rng);
  canvas.draw(from, to);
}

// Turns ink into bytes: the pen's blackness, and a grain on whatever is not bare paper.
void expose(const Canvas& canvas, Image image, Rng& rng) {
  const double black = rng.uniform(0.85, 1.25);
  const double grain = rng.uniform(0.0, 0.1);
  for (std::size_t i = 0; i < image.size(); ++i) {
    const double ink = static_cast<double>(canvas.ink()[i]);
    if (ink <= 0) continue;
    const double seen = ink * (black + grain * bell(rng));
    // NOLINTNEXTLINE(bugprone-incorrect-roundings): never negative, so it rounds to the nearest
    image[i] = static_cast<std::uint8_t>(std::clamp(seen, 0.0, 1.0) * 255 + 0.5);
  }
}

void draw_digit(const Glyph& glyph, Image image, Rng& rng) {
  Lines lines = write(glyph, rng);
  bend(lines, rng);
  skew(lines, rng);
  const double radius = std::max(0.65, 1.25 + 0.3 * bell(rng));
  const double size = 1 + Hand::size * bell(rng);
  const StrokePoint centre{side / 2.0 + Hand::shift * bell(rng), side / 2.0 + Hand::shift * bell(rng)};
  place(lines, size * (20 - 2 * radius), centre);
  Canvas canvas{rng.uniform(0.9, 1.7)};
  draw(canvas, lines, radius, rng);
  if (rng.uniform() < 0.1) draw_clutter(canvas, rng);
  expose(canvas, image, rng);
}

// Draws images `first` to `last` of `set`, each from its own stream.
void draw_range(ImageSet& set, std::int64_t first, std::int64_t last, const Rng& seed,
                std::string_view purpose, const Alphabet& alphabet) {
  for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(last); ++i) {
    Rng rng = seed.stream(purpose, i);
    const auto label = static_cast<std::size_t>(rng.below(alphabet.size()));
    set.labels[i] = static_cast<std::uint8_t>(label);
    const Image image{set.pixels.data() + i * side * side, side * side};
    draw_digit(choose(alphabet[label], rng), image, rng);
  }
}

ImageSet draw_set(std::int64_t count, const Rng& seed, std::string_view purpose, int threads) {
  ImageSet set{side, side, {}, {}};
  set.pixels.resize(static_cast<std::size_t>(count) * side * side);
  set.labels.resize(static_cast<std::size_t>(count));
  const Alphabet alphabet = digit_alphabet();
  std::atomic<std::int64_t> next = 0;
  run_on_threads(threads, [&] {
    for (auto part = next++; part < threads; part = next++)
      draw_range(set, count * part / threads, count * (part + 1) / threads, seed, purpose, alphabet);
  });
  return set;
}

}  // namespace

DataSet make_digits(const DigitsOptions& options) {
  if (options.train < 0 || options.test < 0 || options.threads < 1) {
    throw Error("digits cannot be drawn for " + std::to_string(options.train) + " training and " +
                std::to_string(options.test) + " test images on " + std::to_string(options.threads) +
                " threads: counts start at 0, threads at 1.");
  }
  const Rng seed{options.seed};
  DataSet data;
  data.name = "digits";
  data.classes = 10;
  data.train = draw_set(options.train, seed, "digits/train", options.threads);
  data.test = draw_set(options.test, seed, "digits/test", options.threads);
  data.digest = digest(data.train, data.test);
  return data;
}

}  // namespace keel::tools
