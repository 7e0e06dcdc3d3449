#include "keel/tools/data/digit_strokes.hpp"

#include <cstddef>

namespace keel::tools {
namespace {

constexpr bool corner = true;

std::vector<Glyph> zeros() {
  return {
      {4, {{{52, 3}, {30, 13}, {20, 50}, {30, 87}, {50, 97}, {70, 87}, {80, 50}, {70, 13}, {50, 3}}}},
      {2,
       {{{60, 8}, {40, 5}, {17, 30}, {15, 68}, {38, 96}, {68, 86}, {86, 50}, {76, 16}, {50, 6}, {36, 14}}}},
      {1, {{{38, 12}, {22, 45}, {28, 85}, {50, 97}, {72, 82}, {78, 45}, {66, 10}, {46, 4}}}},
      {1,
       {{{66, 16}, {48, 3}, {28, 20}, {24, 56}, {34, 90}, {54, 97}, {72, 76}, {74, 36}, {62, 8}, {44, 12}}}},
  };
}

std::vector<Glyph> ones() {
  return {
      {6, {{{50, 3}, {50, 97}}}},
      {1, {{{53, 3}, {49, 50}, {50, 97}}}},
      {1, {{{32, 24}, {52, 3, corner}, {52, 97}}}},
      {1, {{{34, 22}, {52, 3, corner}, {52, 96}}, {{30, 96}, {74, 96}}}},
  };
}

std::vector<Glyph> twos() {
  return {
      {3, {{{22, 24}, {36, 6}, {60, 5}, {73, 24}, {62, 50}, {40, 74}, {18, 95, corner}, {82, 94}}}},
      {3,
       {{{20, 20},
         {38, 5},
         {62, 6},
         {71, 26},
         {58, 58},
         {36, 88},
         {20, 94},
         {16, 82},
         {32, 76},
         {58, 90},
         {86, 94}}}},
      {1, {{{18, 10}, {50, 4}, {74, 18}, {62, 48}, {22, 92, corner}, {50, 86}, {84, 96}}}},
      {1,
       {{{26, 34}, {28, 12}, {52, 2}, {72, 18}, {66, 46}, {44, 76}, {24, 90, corner}, {56, 90}, {80, 80}}}},
  };
}

std::vector<Glyph> threes() {
  return {
      {4,
       {{{22, 16}, {44, 3}, {68, 12}, {66, 34}, {42, 47, corner}, {68, 54}, {76, 76}, {52, 97}, {18, 86}}}},
      {1, {{{22, 6}, {74, 5, corner}, {44, 42, corner}, {70, 52}, {76, 78}, {50, 97}, {18, 88}}}},
      {1,
       {{{24, 12}, {48, 3}, {70, 16}, {58, 40}, {40, 48}, {46, 52}, {68, 56}, {74, 80}, {46, 97}, {16, 84}}}},
      {1, {{{26, 10}, {56, 4}, {64, 24}, {44, 42, corner}, {74, 50}, {78, 80}, {44, 97}, {14, 92}}}},
  };
}

std::vector<Glyph> fours() {
  return {
      {3, {{{26, 6}, {18, 54, corner}, {82, 52}}, {{74, 4}, {66, 97}}}},
      {2, {{{24, 8}, {18, 42}, {34, 58}, {58, 52}, {76, 40}}, {{78, 4}, {70, 50}, {66, 97}}}},
      {1, {{{60, 3}, {14, 66, corner}, {88, 64}}, {{60, 3}, {60, 97}}}},
      {1, {{{46, 4}, {16, 58, corner}, {86, 54}}, {{66, 34}, {56, 97}}}},
      {1, {{{34, 6}, {26, 30}, {20, 52, corner}, {84, 50}}, {{64, 20}, {58, 97}}}},
  };
}

std::vector<Glyph> fives() {
  return {
      {3, {{{76, 5}, {34, 6, corner}, {28, 44, corner}, {56, 38}, {76, 60}, {64, 88}, {40, 97}, {16, 86}}}},
      {2,
       {{{34, 10}, {28, 46, corner}, {54, 42}, {72, 62}, {62, 90}, {38, 97}, {14, 90}}, {{34, 9}, {82, 5}}}},
      {1, {{{80, 6}, {50, 8}, {34, 24}, {44, 42}, {66, 56}, {68, 80}, {44, 97}, {16, 90}}}},
      {1, {{{70, 4}, {38, 8, corner}, {32, 38, corner}, {58, 48}, {64, 74}, {48, 96}, {24, 92}}}},
  };
}

std::vector<Glyph> sixes() {
  return {
      {3, {{{66, 4}, {40, 24}, {24, 60}, {32, 90}, {54, 97}, {74, 80}, {64, 60}, {44, 60}, {28, 78}}}},
      {2, {{{54, 3}, {32, 34}, {24, 72}, {38, 96}, {66, 92}, {76, 70}, {58, 54}, {34, 66}, {28, 80}}}},
      {1, {{{72, 10}, {46, 10}, {22, 44}, {24, 80}, {48, 97}, {68, 84}, {62, 66}, {38, 66}, {24, 74}}}},
      {1, {{{44, 2}, {30, 50}, {30, 86}, {48, 97}, {64, 88}, {62, 74}, {46, 70}, {32, 82}}}},
  };
}

std::vector<Glyph> sevens() {
  return {
      {4, {{{18, 10}, {78, 8, corner}, {42, 97}}}},
      {1, {{{18, 10}, {80, 7, corner}, {44, 97}}, {{32, 52}, {76, 48}}}},
      {2, {{{18, 22}, {24, 8}, {52, 12}, {78, 8, corner}, {58, 44}, {48, 97}}}},
      {1, {{{20, 26}, {20, 8, corner}, {76, 6, corner}, {54, 52}, {36, 96}}}},
      {1, {{{20, 14}, {46, 6}, {72, 12}, {70, 34}, {56, 66}, {46, 97}}}},
  };
}

std::vector<Glyph> eights() {
  return {
      {4,
       {{{68, 14},
         {50, 3},
         {30, 14},
         {34, 34},
         {58, 54},
         {70, 78},
         {50, 97},
         {28, 82},
         {36, 60},
         {58, 40},
         {70, 18},
         {56, 4}}}},
      {1,
       {{{50, 4}, {30, 22}, {50, 46}, {68, 24}, {50, 4}},
        {{50, 46}, {26, 68}, {50, 97}, {72, 72}, {50, 46}}}},
      {1, {{{72, 8}, {46, 5}, {32, 22}, {54, 46}, {66, 76}, {44, 97}, {28, 80}, {48, 50}, {76, 14}}}},
  };
}

std::vector<Glyph> nines() {
  return {
      {3, {{{70, 16}, {48, 4}, {26, 24}, {34, 46}, {56, 42}, {72, 14, corner}, {66, 97}}}},
      {2, {{{68, 22}, {52, 4}, {28, 20}, {32, 46}, {56, 44}, {70, 20}, {66, 60}, {52, 97}}}},
      {1,
       {{{68, 12}, {44, 4}, {26, 26}, {42, 48}, {66, 34}, {72, 12, corner}, {74, 60}, {58, 96}, {26, 90}}}},
      {1, {{{74, 12}, {48, 8}, {22, 34}, {38, 50}, {66, 38}, {74, 10, corner}, {54, 97}}}},
  };
}

// The curve from `p1` to `p2` at `t` of the way, with `p0` before it and `p3` after it.
StrokePoint catmull_rom(StrokePoint p0, StrokePoint p1, StrokePoint p2, StrokePoint p3, double t) {
  const auto along = [t](double a, double b, double c, double d) {
    return b + 0.5 * t * ((c - a) + t * ((2 * a - 5 * b + 4 * c - d) + t * (3 * (b - c) + d - a)));
  };
  return {along(p0.x, p1.x, p2.x, p3.x), along(p0.y, p1.y, p2.y, p3.y)};
}

StrokePoint mirrored(ControlPoint p, ControlPoint centre) {
  return {2 * centre.x - p.x, 2 * centre.y - p.y};
}

}  // namespace

Alphabet digit_alphabet() {
  return {zeros(), ones(), twos(), threes(), fours(), fives(), sixes(), sevens(), eights(), nines()};
}

std::vector<StrokePoint> flatten(const Stroke& stroke) {
  constexpr int pieces = 5;
  const auto plain = [](ControlPoint p) { return StrokePoint{p.x, p.y}; };
  std::vector<StrokePoint> line;
  line.reserve(stroke.size() * pieces);
  if (!stroke.empty()) line.push_back(plain(stroke.front()));
  for (std::size_t i = 1; i < stroke.size(); ++i) {
    const ControlPoint from = stroke[i - 1];
    const ControlPoint to = stroke[i];
    // Where the curve ends, at a corner or at the stroke's end, it runs on as if it were mirrored there.
    const StrokePoint before = i == 1 || from.corner ? mirrored(to, from) : plain(stroke[i - 2]);
    const StrokePoint after = i + 1 == stroke.size() || to.corner ? mirrored(from, to) : plain(stroke[i + 1]);
    for (int piece = 1; piece <= pieces; ++piece) {
      line.push_back(catmull_rom(before, plain(from), plain(to), after, static_cast<double>(piece) / pieces));
    }
  }
  return line;
}

}  // namespace keel::tools
