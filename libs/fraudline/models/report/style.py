"""The style sheet of the reports: colours by meaning in both schemes, small screens, paper.

The colours are those of the analysts' page; every pair of text and ground is AA or better.
"""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ground: #eef2f4; --surface: #fff; --sunken: #f6f8f9; --ink: #14222b;
  --quiet: #51636f; --line: #d3dce1; --edge: #71838f; --brand: #0f3d4c; --brand-ink: #eaf4f5; --brand-quiet: #a9c6cd;
  --link: #0a5a74; --bad: #a81f2c; --first: #0d6e83; --second: #a8470a; --others: #8fa1ac; }
@media (prefers-color-scheme: dark) { :root { --ground: #0e161b; --surface: #162128; --sunken: #121b21;
  --ink: #e4ecf0; --quiet: #9db0bb; --line: #2a3943; --edge: #6f8490; --brand: #0a1115; --link: #7cc9e0;
  --bad: #ff938f; --first: #4cc3d9; --second: #f2995a; --others: #62757f; } }
*, *::before, *::after { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 0.9375rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
header { padding: 1.5rem 1rem; background: var(--brand); color: var(--brand-ink); }
header > *, main { max-width: 76rem; margin-inline: auto; }
header p { margin-top: 0.25rem; margin-bottom: 0; color: var(--brand-quiet); overflow-wrap: anywhere; }
h1 { margin-top: 0; margin-bottom: 0; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 0.75rem; font-size: 1.125rem; }
h3 { margin: 0 0 0.5rem; font-size: 1rem; }
main { padding: 0 1rem 3rem; }
a { color: var(--link); }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 1rem; }
@media (min-width: 48rem) { .wide { grid-column: span 2; } }
.drawings { display: grid; gap: 0.75rem; }
.wide .drawings { grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); gap: 0.75rem 1.5rem;
  align-items: start; }
figure, .panel { min-width: 0; margin: 0; padding: 1rem; border-radius: 0.5rem; background: var(--surface);
  box-shadow: 0 0 0 1px var(--line); }
.panel > :first-child { margin-top: 0; }
.panel > :last-child { margin-bottom: 0; }
.panel li + li { margin-top: 0.375rem; }
.panel ul { padding-left: 1.25rem; }
figcaption p { margin: 0.375rem 0 0; }
figcaption { margin-top: 0.5rem; color: var(--quiet); font-size: 0.8125rem; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--quiet); font-size: 11px; }
svg .label { fill: var(--ink); }
svg .name { fill: var(--ink); font-weight: 600; paint-order: stroke; stroke: var(--surface); stroke-width: 4px;
  stroke-linejoin: round; }
.grid { fill: none; stroke: var(--line); stroke-width: 1; }
.axis { fill: none; stroke: var(--edge); stroke-width: 1; }
.line { fill: none; stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
.line.thin { stroke-width: 1; }
.line.second { stroke-dasharray: 6 3; }
.line.first { stroke: var(--first); } .line.second { stroke: var(--second); }
.line.bad { stroke: var(--bad); } .line.others { stroke: var(--edge); stroke-width: 1.25; }
.line.reference { stroke: var(--edge); stroke-width: 1; stroke-dasharray: 2 3; }
.area.bad { fill: var(--bad); opacity: 0.3; } .area.others { fill: var(--others); opacity: 0.3; }
.bar.first { fill: var(--first); } .bar.second { fill: var(--second); opacity: 0.75; } .bar.bad { fill: var(--bad); }
.bar.others { fill: var(--others); } .bar.ground { fill: var(--sunken); }
.dot { stroke: var(--surface); stroke-width: 1; }
.dot.first { fill: var(--first); } .dot.second { fill: var(--second); }
.dot.hollow { fill: var(--surface); stroke-width: 2; }
.dot.hollow.first { stroke: var(--first); } .dot.hollow.second { stroke: var(--second); }
.whisker { fill: none; stroke-width: 1.25; opacity: 0.7; }
.whisker.first { stroke: var(--first); } .whisker.second { stroke: var(--second); }
.mark { fill: none; stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 2; }
.key { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0 0 0.5rem; padding: 0; list-style: none;
  font-size: 0.8125rem; color: var(--quiet); }
.key li { overflow-wrap: anywhere; }
.key li::before { content: ""; display: inline-block; margin-right: 0.4rem; vertical-align: middle; }
.key .line::before { width: 1.4rem; border-top: 2px solid; }
.key .first::before { color: var(--first); } .key .second::before { color: var(--second); }
.key .line.second::before { border-top-style: dashed; }
.key .line.reference::before { color: var(--edge); border-top: 2px dotted; }
.key .box::before { width: 0.7rem; height: 0.7rem; }
.key .box.bad::before { background: var(--bad); } .key .box.others::before { background: var(--others); }
.key .ring::before, .key .disc::before { width: 0.6rem; height: 0.6rem; border: 2px solid var(--quiet);
  border-radius: 50%; }
.key .disc::before { background: var(--quiet); }
.key .dot::before { width: 0.6rem; height: 0.6rem; border-radius: 50%; background: currentcolor; }
.scroll { max-width: 100%; overflow-x: auto; }
.scroll:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; font-size: 0.8125rem; font-variant-numeric: tabular-nums; }
caption { padding: 0 0 0.375rem; text-align: left; font-weight: 600; }
th, td { padding: 0.3rem 0.75rem 0.3rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { border-top: 0; color: var(--quiet); font-weight: 600; vertical-align: bottom; }
th, td { overflow-wrap: normal; word-break: normal; hyphens: manual; }
tbody th { font-weight: 400; min-width: 6rem; }
.number { text-align: right; white-space: nowrap; }
.number + :not(.number) { padding-left: 0.5rem; }
.short { white-space: nowrap; } .long { min-width: 13rem; }
td:last-child, th:last-child { padding-right: 0; }
details { margin-top: 0.5rem; font-size: 0.8125rem; }
summary { cursor: pointer; color: var(--link); }
details table { margin-top: 0.5rem; }
dl { display: grid; grid-template-columns: minmax(7rem, 14rem) minmax(0, 1fr); gap: 0.25rem 1rem; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
.warning { border-left: 4px solid var(--bad); }
.panel + .panel { margin-top: 1rem; }
@media (max-width: 30rem) { header { padding: 1rem; } main { padding: 0 0.625rem 2rem; }
  figure, .panel { padding: 0.75rem; } dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dd { margin-bottom: 0.5rem; } }
@media print { :root { color-scheme: light; --ground: #fff; --surface: #fff; --sunken: #eee; --ink: #000;
  --quiet: #333; --line: #ccc; --edge: #555; --brand: #fff; --brand-ink: #000; --brand-quiet: #333; --link: #000;
  --bad: #a81f2c; --first: #0d6e83; --second: #a8470a; --others: #8fa1ac; }
  body { font-size: 10pt; } header, main { padding-inline: 0; } figure, .panel { break-inside: avoid; }
  .plots { grid-template-columns: 1fr 1fr; } .wide { grid-column: span 2; }
  .scroll { overflow: visible; } details:not([open]) { display: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
