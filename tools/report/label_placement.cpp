#include "keel/tools/report/label_placement.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace keel::tools {
namespace {

struct Spot {
  double x = 0.0;
  double y = 0.0;
};

struct Box {
  double left, top, right, bottom;

  [[nodiscard]] bool contains(const Spot& spot) const {
    return spot.x >= left && spot.x <= right && spot.y >= top && spot.y <= bottom;
  }
  [[nodiscard]] bool overlaps(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

Spot spot_of(const PlotLayout& layout, double x, double y) {
  return {layout.left + layout.x.place(x) * (layout.right - layout.left),
          layout.bottom - layout.y.place(y) * (layout.bottom - layout.top)};
}

void add_line(std::vector<Spot>& spots, const Spot& from, const Spot& to) {
  const double length = std::hypot(to.x - from.x, to.y - from.y);
  const int steps = static_cast<int>(std::clamp(length / 4.0, 1.0, 100.0));
  for (int i = 0; i <= steps; ++i) {
    const double part = static_cast<double>(i) / steps;
    spots.push_back({from.x + part * (to.x - from.x), from.y + part * (to.y - from.y)});
  }
}

// Where curves and intervals leave ink.
std::vector<Spot> ink(const PlotLayout& layout) {
  std::vector<Spot> spots;
  for (const auto& points : layout.points) {
    const Point* before = nullptr;
    for (const auto& point : points) {
      if (std::isnan(point.y)) {
        before = nullptr;
        continue;
      }
      const auto spot = spot_of(layout, point.x, point.y);
      add_line(spots, before == nullptr ? spot : spot_of(layout, before->x, before->y), spot);
      if (point.low)
        add_line(spots, spot_of(layout, point.x, *point.low), spot_of(layout, point.x, *point.high));
      before = &point;
    }
  }
  return spots;
}

}  // namespace

void place_levels(PlotLayout& layout, std::span<const Level> levels) {
  const auto spots = ink(layout);
  std::vector<Box> taken;
  for (const auto& level : levels) {
    layout.levels.emplace_back();
    const double y = layout.bottom - layout.y.place(level.y) * (layout.bottom - layout.top);
    if (!(y >= layout.top - 1.0 && y <= layout.bottom + 1.0)) continue;
    const double width = std::min(text_width(level.label), layout.right - layout.left);
    const double free = layout.right - layout.left - width - 6.0;
    double least = 1e9;
    Box best{};
    for (const double part : {1.0, 0.0, 0.5, 0.75, 0.25}) {
      const double left = layout.left + 3.0 + part * std::max(0.0, free);
      for (const bool above : {true, false}) {
        const double foot = above ? y - 4.0 : y + 14.0;
        const Box box{left - 2.0, foot - 12.0, left + width + 2.0, foot + 3.0};
        auto cost =
            static_cast<double>(std::ranges::count_if(spots, [&](const Spot& s) { return box.contains(s); }));
        for (const auto& other : taken) cost += box.overlaps(other) ? 1000.0 : 0.0;
        for (const auto& other : levels) {
          const double line = layout.bottom - layout.y.place(other.y) * (layout.bottom - layout.top);
          cost += line > box.top && line < box.bottom ? 20.0 : 0.0;
        }
        if (box.top < layout.top - 2.0 || box.bottom > layout.bottom + 2.0) cost += 500.0;
        if (cost < least) least = cost, best = box;
      }
    }
    taken.push_back(best);
    layout.levels.back() = {best.left + 2.0, best.bottom - 3.0, level.label};
  }
}

}  // namespace keel::tools
