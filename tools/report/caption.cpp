#include "keel/tools/report/caption.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "keel/tools/report/plot_layout.hpp"
#include "keel/tools/report/plot_mark.hpp"

namespace keel::tools {
namespace {

// What there is to say of all points that are drawn.
struct DrawnPoints {
  int fewest = 0;  // seeds of a point
  int most = 0;
  bool bars = false;
  bool bands = false;
};

DrawnPoints drawn_points(const Figure& figure, const PlotLayout& layout) {
  DrawnPoints drawn;
  bool any = false;
  for (const auto& curve : layout.curves) {
    for (const auto& piece : curve) {
      for (const auto& point : piece) {
        drawn.fewest = any ? std::min(drawn.fewest, point.count) : point.count;
        drawn.most = std::max(drawn.most, point.count);
        any = true;
        if (point.low) (has_bands(figure, curve) ? drawn.bands : drawn.bars) = true;
      }
    }
  }
  return drawn;
}

std::string seeds_of_points(const DrawnPoints& drawn) {
  if (drawn.most == 1) return "one seed";
  if (drawn.fewest == drawn.most) return fmt::format("means of {} seeds", drawn.most);
  return fmt::format("means of {} to {} seeds", std::max(drawn.fewest, 1), drawn.most);
}

// Of a data set that is known by its folder the folder's name: "mnist" for "/data/mnist/".
std::string_view short_name(std::string_view data) {
  while (data.size() > 1 && data.ends_with('/')) data.remove_suffix(1);
  const auto slash = data.rfind('/');
  return slash == std::string_view::npos || data.size() == 1 ? data : data.substr(slash + 1);
}

std::string lower_first(std::string text) {
  const bool is_word =
      text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z';
  if (is_word) text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

}  // namespace

std::string caption_of(const Figure& figure, std::string_view data) {
  const auto layout = lay_out(figure);
  const auto drawn = drawn_points(figure, layout);
  auto text = fmt::format("{} against {}", figure.y.name, lower_first(figure.x.name));
  if (drawn.most > 0) text += ": " + seeds_of_points(drawn);
  if (!data.empty()) text += fmt::format(", data {}", short_name(data));
  text += '.';
  if (drawn.most > 0 && (drawn.bars || drawn.bands)) {
    const auto* what = drawn.bars && drawn.bands ? "Bars and bands" : drawn.bars ? "Bars" : "Bands";
    text += fmt::format(" {}: 95 % intervals{}.", what, drawn.most > 1 ? " of these means" : "");
  }
  if (figure.mark && shows_mark(figure, layout)) text += fmt::format(" Arrow: {}.", figure.mark->what);
  if (!figure.note.empty()) text += " " + figure.note;
  if (text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

}  // namespace keel::tools
