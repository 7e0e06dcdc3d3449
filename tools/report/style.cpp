#include "keel/tools/report/style.hpp"

#include <fmt/format.h>

#include <array>

namespace keel::tools {
namespace {

// A colour in light windows and in dark ones.
struct Colour {
  const char* name;
  const char* light;
  const char* dark;
};
using Scheme = const char* Colour::*;

constexpr Colour paper{"paper", "#fff", "#14171a"};
constexpr Colour ink{"ink", "#1d2126", "#e3e6e9"};
constexpr Colour muted{"muted", "#5b636d", "#a2aab3"};
constexpr Colour line{"line", "#d5d9de", "#363c43"};
constexpr std::array of_page{paper,
                             ink,
                             muted,
                             line,
                             Colour{"tint", "#f4f6f8", "#1d2125"},
                             Colour{"supported", "#00704f", "#41c79b"},
                             Colour{"contradicted", "#b34700", "#f29255"},
                             Colour{"open", "#59616b", "#a9b1ba"}};
// From Okabe and Ito, "Color Universal Design" (2008); the pale ones darkened to be seen on white, all of them
// lightened for the dark.
constexpr std::array of_curves{
    Colour{"vermilion", "#d55e00", "#ff8a3d"}, Colour{"blue", "#0072b2", "#4aa3e6"},
    Colour{"green", "#009e73", "#3cc79b"},     Colour{"purple", "#c2649a", "#e08fbc"},
    Colour{"sky", "#3a9bdc", "#8fd0fa"},       Colour{"ochre", "#a87900", "#d9ae45"},
    Colour{"grey", "#7f7f7f", "#a8a8a8"}};

std::string page_colours(Scheme scheme) {
  std::string rules;
  for (const auto& colour : of_page) rules += fmt::format("--{}:{};", colour.name, colour.*scheme);
  return fmt::format(":root{{{}}}\n", rules);
}

std::string picture_colours(Scheme scheme) {
  auto rules = fmt::format(
      ".chart text{{fill:{}}}.chart .page,.chart .ring{{fill:{}}}.chart .dot{{stroke:{}}}\n"
      ".chart .axis,.chart .level{{stroke:{}}}.chart .grid{{stroke:{}}}\n",
      ink.*scheme, paper.*scheme, paper.*scheme, muted.*scheme, line.*scheme);
  for (const auto& colour : of_curves) rules += fmt::format(".{}{{color:{}}}", colour.name, colour.*scheme);
  return rules + '\n';
}

std::string in_the_dark(const std::string& rules) {
  return "@media screen and (prefers-color-scheme:dark){\n" + rules + "}\n";
}

// Markers have a rim of the page's colour, which sets them off from what they lie on.
constexpr auto picture_lines = R"(
.chart{font-size:12px;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
.chart .title{font-weight:bold;font-size:13px}
.chart path{fill:none;stroke-linejoin:round}
.chart .grid{stroke-width:.8}
.chart .level{stroke-dasharray:5 4}
.chart .line{stroke:currentColor;stroke-width:2}
.chart .bar{stroke:currentColor;stroke-width:1.4}
.chart .band{fill:currentColor;opacity:.2}
.chart .dot{fill:currentColor;stroke-width:1.2;paint-order:stroke}
.chart .ring{stroke:currentColor;stroke-width:1.5}
)";

constexpr auto page_rules = R"(
:root{color-scheme:light dark}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:72rem;padding:1.5rem clamp(.75rem,3vw,2.5rem) 4rem;background:var(--paper);color:var(--ink);
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
h1{font-size:clamp(1.5rem,4vw,2.1rem);line-height:1.2;margin:.2em 0 .6em}
h2{font-size:1.35rem;line-height:1.3;margin:0 0 .6rem}
h2 .name{display:block;font-size:.85rem;font-weight:600;color:var(--muted);margin-bottom:.15rem}
h3{font-size:1.05rem;margin:1.8rem 0 .5rem}
p,ul{max-width:76ch;margin:.6rem 0}
a{color:inherit;text-decoration-color:var(--muted);text-underline-offset:.15em}
code{font:.86em/1.4 ui-monospace,"Cascadia Mono","DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
abbr{text-decoration:underline dotted var(--muted)}
section{border-top:1px solid var(--line);margin-top:2.8rem;padding-top:1.6rem}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem;margin:1rem 0}
.facts dt{color:var(--muted)}
.facts dd{margin:0;overflow-wrap:anywhere}
.muted,.rule,.note{color:var(--muted)}
.rule,.note,.key{font-size:.86rem}
.command code{display:block;background:var(--tint);padding:.5rem .75rem;border-radius:4px}
details{margin:.6rem 0}
summary{cursor:pointer}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600;font-size:.86rem;color:var(--muted);vertical-align:bottom}
th,td{padding:.45rem .9rem .45rem 0}
td{vertical-align:top;border-top:1px solid var(--line)}
th:last-child,td:last-child{padding-right:0}
.scroll{overflow-x:auto;max-width:100%;font-size:.9rem}
.scroll table{width:auto;min-width:min(100%,30rem)}
.scroll th,.scroll td{padding-right:1.3rem}
.number{text-align:right}
.scroll th,.scroll td{white-space:nowrap}
.scroll .words{white-space:normal;min-width:20rem}
.verdicts .p,.findings .p,.verdicts th,.findings th{white-space:nowrap}
.effect b{white-space:nowrap}
.effect .interval{white-space:nowrap;color:var(--muted)}
.verdict{white-space:nowrap;font-weight:700}
.supported{color:var(--supported)}
.contradicted{color:var(--contradicted)}
.not-shown{color:var(--open)}
.findings .what{width:42%;padding-right:1.6rem}
.findings .effects{width:17rem}
.findings .rule,.findings .note,.findings .name{display:block}
.findings .name{font-size:.86rem}
.findings .scale{display:none}
.findings .first .scale{display:block}
.forest{display:block;width:16rem;height:auto}
.forest .dot{stroke:currentColor;stroke-width:2}
.forest .bar,.forest .ring{stroke-width:2}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1.8rem 1.6rem;margin:1.4rem 0}
figure{margin:0;display:flex;flex-direction:column;max-width:27rem}
figcaption{margin-bottom:.5rem;font-weight:600;line-height:1.35}
.legend{display:flex;flex-wrap:wrap;gap:.1rem .8rem;margin:.3rem 0 0;padding:0;list-style:none;font-size:.85rem;font-weight:400}
.legend li{display:flex;align-items:center;gap:.4rem}
.swatch{flex:none}
.plot{width:100%;height:auto;margin-top:auto}
.hidden{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
@media screen and (max-width:46rem){
.facts{grid-template-columns:1fr;gap:0}
.facts dd{margin-bottom:.5rem}
.verdicts thead,.findings thead{position:absolute;clip-path:inset(50%)}
.verdicts tr,.findings tr{display:block;border-top:1px solid var(--line);padding:.6rem 0}
.verdicts td,.findings td{display:block;width:auto!important;border:0;padding:.1rem 0}
.findings .scale{display:block}
.findings .effects{padding-top:.4rem}
.verdicts .p::before,.findings .p::before{content:"p = ";color:var(--muted)}
.verdicts .p.less::before,.findings .p.less::before{content:"p "}
.forest{width:100%;max-width:20rem}
.sentences td,.sentences th{display:block;border:0;padding:.1rem 0}
.sentences tr{display:block;border-top:1px solid var(--line);padding:.5rem 0}
.sentences td:first-child{font-weight:600}
.scroll .sentences .words{min-width:0}
}
@media print{
:root{--ink:#000;--muted:#444;color-scheme:light}
@page{size:A4;margin:15mm 14mm}
html{font-size:9pt}
body{line-height:1.4;padding:0;max-width:none}
h1{font-size:18pt}
h2{font-size:12pt}
h3{margin-top:1rem;font-size:10.5pt}
th,td{padding-top:.25rem;padding-bottom:.25rem}
p,ul{max-width:none}
section{margin-top:1.2rem;padding-top:.8rem}
h2,h3,h2+p{break-after:avoid}
h2,h3{break-inside:avoid}
figure,tr,.facts,.caveat,.command{break-inside:avoid}
.figures{grid-template-columns:1fr 1fr 1fr;gap:.8rem}
figcaption,.legend{font-size:8pt}
th,td{padding-right:.6rem}
.findings .what{width:38%;padding-right:1rem}
.findings th{white-space:normal}
.scroll{overflow:visible}
.scroll table{font-size:7.5pt}
.scroll th{font-size:7pt}
.scroll th,.scroll td{padding-right:.5rem;white-space:normal}
a{text-decoration:none}
}
)";

}  // namespace

std::string picture_style() {
  return picture_lines + picture_colours(&Colour::light) + in_the_dark(picture_colours(&Colour::dark));
}

std::string style_sheet() {
  return picture_style() + page_colours(&Colour::light) + in_the_dark(page_colours(&Colour::dark)) +
         page_rules;
}

}  // namespace keel::tools
