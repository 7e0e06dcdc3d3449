#include <algorithm>
#include <cmath>
#include <vector>

#include "keel/tools/report/plot_layout.hpp"

namespace keel::tools {
namespace {

struct AxisEnds {
  double low = 0.0;
  double high = 0.0;

  [[nodiscard]] double span(bool logarithmic) const {
    return logarithmic ? std::log(high / low) : high - low;
  }
};

bool are_panels(const Figure& a, const Figure& b) {
  return a.x.name == b.x.name && a.y.name == b.y.name && a.y.logarithmic == b.y.logarithmic;
}

bool is_free(const Figure& figure) {
  return !figure.y.low && !figure.y.high && figure.y.categories.empty();
}

AxisEnds around(std::span<const AxisEnds> all) {
  AxisEnds ends = all.front();
  for (const auto& [low, high] : all) ends = {std::min(ends.low, low), std::max(ends.high, high)};
  return ends;
}

// The panels of one kind, each with the ends that its axis has alone.
void share_among(std::span<Figure*> panels) {
  constexpr double least_share = 0.25;
  const bool logarithmic = panels.front()->y.logarithmic;
  std::vector<AxisEnds> own;
  for (const auto* figure : panels) {
    const auto scale = lay_out(*figure).y;
    own.push_back({scale.low, scale.high});
  }
  const double whole = around(own).span(logarithmic);
  const auto is_flat = [&](const AxisEnds& ends) { return ends.span(logarithmic) < least_share * whole; };
  auto kept = own;
  std::erase_if(kept, is_flat);
  for (std::size_t i = 0; i < panels.size(); ++i) {
    if (!is_flat(own[i])) {
      const auto shared = around(kept);
      panels[i]->y.low = shared.low;
      panels[i]->y.high = shared.high;
    } else {
      auto& note = panels[i]->note;
      note += (note.empty() ? "" : " ") + std::string{"The y axis is this picture's own."};
    }
  }
}

}  // namespace

void share_y_axes(std::span<Figure> figures) {
  std::vector<const Figure*> done;
  for (auto& first : figures) {
    if (!is_free(first) || std::ranges::find(done, &first) != done.end()) continue;
    std::vector<Figure*> panels;
    for (auto& other : figures) {
      // One with nothing to draw has no axis.
      const bool joins = is_free(other) && are_panels(first, other) && !lay_out(other).y.ticks.empty();
      if (joins) panels.push_back(&other);
    }
    done.insert(done.end(), panels.begin(), panels.end());
    if (panels.size() > 1) share_among(panels);
  }
}

}  // namespace keel::tools
