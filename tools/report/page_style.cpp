#include "keel/tools/report/style.hpp"

namespace keel::tools {
namespace {

constexpr auto text_rules = R"(
:root{color-scheme:light dark}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:76rem;padding:1.5rem clamp(.75rem,3vw,2.5rem) 4rem;background:var(--paper);color:var(--ink);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
h1{font-size:clamp(1.5rem,4vw,2rem);line-height:1.2;margin:.2em 0 .6em}
h2{font-size:1.3rem;line-height:1.3;margin:1.4rem 0 .5rem}
section h2{margin-top:0}
.name{color:var(--muted)}
h2 .name{display:block;font-size:.85rem;font-weight:600;margin-bottom:.15rem}
h3{font-size:1.05rem;margin:1.8rem 0 .5rem}
p,ul{max-width:80ch;margin:.6rem 0}
a{color:inherit;text-decoration-color:var(--muted);text-underline-offset:.15em}
code{font:.86em/1.4 ui-monospace,"Cascadia Mono","DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
abbr{text-decoration:underline dotted var(--muted)}
section{border-top:1px solid var(--line);margin-top:2.2rem;padding-top:1.3rem}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1.2rem;margin:.8rem 0;font-size:.92rem}
.facts dt{color:var(--muted)}
.facts dd{margin:0;overflow-wrap:anywhere}
.muted,.rule,.note{color:var(--muted)}
.rule,.note,.key,.caption{font-size:.86rem}
.command code{display:block;background:var(--tint);padding:.5rem .75rem;border-radius:4px}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--muted)}
summary:hover{color:var(--ink)}
section>details>summary{background:var(--tint);border-radius:4px;padding:.4rem .75rem}
.verdict{white-space:nowrap;font-weight:700}
.supported{color:var(--supported)}
.contradicted{color:var(--contradicted)}
.ruled-out{color:var(--ruled-out)}
.not-shown{color:var(--open)}
.effect b{white-space:nowrap}
.effect .interval{white-space:nowrap;color:var(--muted)}
.glance{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,27rem);gap:.6rem 2.5rem;align-items:start}
.glance p{margin:.35rem 0}
.glance .headline{font-size:1.15rem}
.glance figure{margin:0}
.glance .forest{width:22rem}
.exceptions{list-style:none;padding:0;font-size:.92rem}
.exceptions li{margin:.3rem 0}
)";

constexpr auto table_rules = R"(
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600;font-size:.86rem;color:var(--muted);vertical-align:bottom}
th,td{padding:.4rem .9rem .4rem 0}
td{vertical-align:top;border-top:1px solid var(--line)}
th:last-child,td:last-child{padding-right:0}
.scroll{overflow-x:auto;max-width:100%;font-size:.9rem}
.scroll table{width:auto;min-width:min(100%,30rem)}
.scroll th,.scroll td{padding-right:1.3rem}
.number{text-align:right}
.scroll th,.scroll td{white-space:nowrap}
.scroll .words{white-space:normal;min-width:20rem}
.listing td{white-space:normal;min-width:5rem}
.listing td:first-child{min-width:9rem}
.others td:first-child{white-space:normal;min-width:14rem}
.others .same .verdict{color:var(--muted);font-weight:400}
.others .changed{background:var(--tint)}
.verdicts .p,.findings .p,.verdicts th,.findings th{white-space:nowrap}
.verdicts .claim{width:30%}
.verdicts .strip{width:11rem}
.verdicts th.strip{white-space:normal;font-weight:400}
.verdicts .strip .forest{width:11rem}
.verdicts .counts{font-size:.86rem;min-width:6rem}
.findings .what{width:36%;padding-right:1.6rem}
.findings .effects{width:17rem}
.findings .asked{font-size:.9rem;min-width:5.5rem}
.findings .note,.findings .name{display:block}
.findings .name{font-size:.86rem}
.findings .scale{display:none}
.findings .first .scale{display:block}
.forest{display:block;width:16rem;max-width:100%;height:auto}
.forest .seeds{fill:currentColor;opacity:.5}
.forest .bounds{stroke:currentColor;stroke-width:1.3;opacity:.8}
.forest .whisker{stroke:currentColor;stroke-width:1}
.forest .bar{stroke:currentColor;stroke-width:3}
.forest .dot{stroke-width:2.4}
.forest .ring{stroke-width:2}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1.8rem 1.6rem;margin:1.4rem 0}
figure{margin:0;display:flex;flex-direction:column;max-width:27rem}
figcaption{margin-bottom:.5rem;font-weight:600;line-height:1.35}
.caption{color:var(--muted);margin:.3rem 0 0;line-height:1.4}
.legend{display:flex;flex-wrap:wrap;gap:.1rem .8rem;margin:.3rem 0 0;padding:0;list-style:none;font-size:.85rem;font-weight:400}
.legend li{display:flex;align-items:center;gap:.4rem}
.swatch{flex:none}
.figures .plot{margin-top:auto}
.plot{width:100%;height:auto}
)";

constexpr auto narrow_rules = R"(
@media screen and (max-width:60rem){
.verdicts .strip{display:none}
}
@media screen and (max-width:46rem){
.glance{grid-template-columns:minmax(0,1fr)}
.facts{grid-template-columns:1fr;gap:0}
.facts dd{margin-bottom:.4rem}
.verdicts thead,.findings thead,.listing thead,.others thead{position:absolute;clip-path:inset(50%)}
.verdicts tr,.findings tr,.listing tr,.others tr{display:block;border-top:1px solid var(--line);padding:.6rem 0}
.verdicts td,.findings td,.listing td,.others td{display:block;width:auto!important;border:0;padding:.1rem 0;white-space:normal}
.findings .scale{display:block}
.findings .effects{padding-top:.4rem}
.findings .asked::before{content:"asked for: ";color:var(--muted)}
.verdicts .p::before,.findings .p::before{content:"p = ";color:var(--muted)}
.verdicts .p.less::before,.findings .p.less::before{content:"p "}
.verdicts .counts::before{content:"findings: ";color:var(--muted)}
.verdicts td.p,.verdicts td.counts{display:inline-block;margin-right:1.2rem;font-size:.86rem}
.listing td:first-child,.others td:first-child{font-weight:600}
.listing td[data-name]::before,.others td[data-name]::before{content:attr(data-name) ": ";color:var(--muted)}
.others .none{display:none}
.forest{width:100%;max-width:20rem}
.sentences td,.sentences th{display:block;border:0;padding:.1rem 0}
.sentences tr{display:block;border-top:1px solid var(--line);padding:.5rem 0}
.sentences td:first-child{font-weight:600}
.scroll .sentences .words{min-width:0}
}
)";

// What is folded is printed all the same, but for the list of runs that diverged, which may be pages long.
constexpr auto print_rules = R"(
@media print{
:root{--ink:#000;--muted:#444;color-scheme:light}
@page{size:A4;margin:15mm 14mm}
details:not(.ill)::details-content{content-visibility:visible;display:block;block-size:auto;height:auto}
summary{list-style:none}
section>details>summary{display:none}
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
figure,tr,.facts,.caveat,.command,.glance{break-inside:avoid}
.glance{grid-template-columns:minmax(0,1fr) 17rem}
.figures{grid-template-columns:1fr 1fr 1fr;gap:.8rem}
figcaption,.legend,.caption{font-size:7.5pt}
th,td{padding-right:.6rem}
.findings .what{width:34%;padding-right:1rem}
.findings .effects,.findings .effects .forest{width:13rem}
.findings th,.verdicts th{white-space:normal}
.verdicts .strip,.verdicts .strip .forest{width:7rem}
.scroll{overflow:visible}
.scroll table{font-size:7.5pt}
.scroll th{font-size:7pt}
.scroll th,.scroll td{padding-right:.5rem;white-space:normal}
.listing td,.listing td:first-child,.others td:first-child{min-width:0}
a{text-decoration:none}
}
)";

}  // namespace

std::string page_rules() {
  return std::string{text_rules} + table_rules + narrow_rules + print_rules;
}

}  // namespace keel::tools
