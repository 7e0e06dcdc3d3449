#include "keel/tools/report/plot_mark.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "keel/tools/report/svg.hpp"

namespace keel::tools {
namespace {

constexpr double beside = 7.0;              // pixels between an upright arrow and its label
constexpr double to_middle_of_label = 4.3;  // from its foot

bool lies_within(const Axis& axis, const Scale& scale, double value) {
  return drawable(axis, value) && value >= scale.low && value <= scale.high;
}

// Two strokes back from the tip.
std::string arrow_head(const Spot& from, const Spot& to) {
  const double length = std::hypot(to.x - from.x, to.y - from.y);
  if (length < 1.0) return "";
  const Spot along{(to.x - from.x) / length, (to.y - from.y) / length};
  std::string steps;
  for (const double side : {-1.0, 1.0}) {
    const Spot end{to.x - 6.0 * along.x - side * 3.5 * along.y, to.y - 6.0 * along.y + side * 3.5 * along.x};
    steps += path_step('M', to) + path_step('L', end);
  }
  return steps;
}

struct LabelPlace {
  Spot foot;
  const char* anchor;
  double left;  // of the label as it lies
};

// Beside the arrow and beyond its ends, as far as that lies on the canvas; the best first, where nothing is
// in the way.
std::vector<LabelPlace> label_places(const PlotLayout& layout, const Spot& from, const Spot& to,
                                     double width) {
  std::vector<LabelPlace> places;
  const double x = (from.x + to.x) / 2.0;
  const double foot = (from.y + to.y) / 2.0 + to_middle_of_label;
  const bool upright = std::abs(to.y - from.y) > std::abs(to.x - from.x);
  if (upright && x - beside - width > layout.left)
    places.push_back({{x - beside, foot}, "end", x - beside - width});
  if (upright && x + beside + width < plot_width) places.push_back({{x + beside, foot}, "start", x + beside});
  const double half = std::min(width / 2.0, plot_width / 2.0);
  const double middle = std::clamp(x, half, plot_width - half);
  const double upper = std::min(from.y, to.y) - 8.0;
  const double lower = std::max(from.y, to.y) + 18.0;
  if (upper > layout.top + font_size) places.push_back({{middle, upper}, "middle", middle - half});
  if (lower < layout.bottom || places.empty()) places.push_back({{middle, lower}, "middle", middle - half});
  return places;
}

// How much of the curves a label would hide: of twenty places on each of their lines.
int hidden_by(const LabelPlace& place, double width, const PlotLayout& layout) {
  constexpr int samples = 20;
  int hidden = 0;
  const auto hides = [&](double x, double y) {
    return x > place.left - 3.0 && x < place.left + width + 3.0 && y > place.foot.y - font_size - 2.0 &&
           y < place.foot.y + 6.0;
  };
  for (const auto& curve : layout.curves) {
    for (const auto& piece : curve) {
      for (std::size_t i = 0; i < piece.size(); ++i) {
        const auto& next = piece[std::min(i + 1, piece.size() - 1)];
        for (int k = 0; k < samples; ++k) {
          const double share = static_cast<double>(k) / samples;
          if (hides(piece[i].x + share * (next.x - piece[i].x), piece[i].y + share * (next.y - piece[i].y)))
            ++hidden;
        }
      }
    }
  }
  return hidden;
}

std::string mark_label(const PlotLayout& layout, const Spot& from, const Spot& to, const std::string& label) {
  const double width = text_width(label);
  const auto places = label_places(layout, from, to, width);
  const auto best = std::ranges::min_element(
      places, {}, [&](const LabelPlace& place) { return hidden_by(place, width, layout); });
  return svg_text(best->foot, best->anchor, label, "class=\"mark-label\"");
}

}  // namespace

bool shows_mark(const Figure& figure, const PlotLayout& layout) {
  if (!figure.mark) return false;
  const auto& mark = *figure.mark;
  const bool x = lies_within(figure.x, layout.x, mark.from_x) && lies_within(figure.x, layout.x, mark.to_x);
  return x && lies_within(figure.y, layout.y, mark.from_y) && lies_within(figure.y, layout.y, mark.to_y);
}

std::string mark_elements(const Figure& figure, const PlotLayout& layout) {
  if (!figure.mark || !shows_mark(figure, layout)) return "";
  const auto& mark = *figure.mark;
  const Spot from{layout.x_pixel(mark.from_x), layout.y_pixel(mark.from_y)};
  const Spot to{layout.x_pixel(mark.to_x), layout.y_pixel(mark.to_y)};
  const auto steps = path_step('M', from) + path_step('L', to) + arrow_head(from, to);
  return svg_path("mark-rim", steps) + svg_path("mark", steps) + mark_label(layout, from, to, mark.label);
}

}  // namespace keel::tools
