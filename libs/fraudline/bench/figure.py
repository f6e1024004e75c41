"""The drawing: latency percentiles against the rate, one line a percentile and subject."""

from collections.abc import Sequence
from typing import Final

from fraudline.bench.course import SHARES, Findings
from fraudline.bench.load import Form
from fraudline.bench.measuring import Stretch
from fraudline.bench.table import felt
from fraudline.models.report.chart import FOOT, HEIGHT, LEFT, WIDTH, Axis, Chart
from fraudline.models.report.plot import SIDE_KINDS
from fraudline.models.report.scale import decades
from fraudline.models.report.text import escaped

TITLES: Final = {
    Form.SINGLE: "Single posts: from the moment they are due to the committed verdict",
    Form.WAIT: "Single posts that wait: from the moment they are due to the answer with the verdict",
    Form.BATCH: "Batches of 1,000: from the moment they are due to the last committed verdict",
}
_KEY_LINE: Final = 16.0
_KEY_STROKE: Final = 22.0
# A drawing by itself has no page around it that says what its classes look like; on light ground as on dark.
_STYLE: Final = """
svg { background: #fff; font-family: system-ui, sans-serif; }
text { fill: #51636f; font-size: 11px; } .label, .name { fill: #14222b; }
.grid { fill: none; stroke: #d3dce1; } .axis { fill: none; stroke: #71838f; }
.line { fill: none; stroke-width: 2; } .line.thin { stroke-width: 1; stroke-dasharray: 4 3; }
.line.first { stroke: #0d6e83; } .line.second { stroke: #a8470a; }
.dot.first { fill: #0d6e83; } .dot.second { fill: #a8470a; }
"""


def latency_figure(form: Form, sides: Sequence[Findings]) -> str | None:
    """Return a whole SVG file; None where there is nothing to draw."""
    drawn = [(side, _steady(side, form)) for side in sides]
    stretches = [stretch for _, some in drawn for stretch in some]
    if not stretches:
        return None
    values = [value for stretch in stretches for value in (felt(stretch).p50, felt(stretch).p99)]
    rates = [stretch.offered or stretch.rate for stretch in stretches]
    chart = Chart(
        TITLES[form],
        Axis(decades(rates, low=1.0, high=1e6), "Payments a second"),
        Axis(decades(values, low=0.1, high=1e5), "Milliseconds"),
    )
    key = []
    for kind, (side, some) in zip(SIDE_KINDS, drawn, strict=False):
        if not some:
            continue
        for name, form_of_line in (("p50", " thin"), ("p99", "")):
            points = [(s.offered or s.rate, p50 if form_of_line else p99) for s in some
                      for p50, p99 in [(felt(s).p50, felt(s).p99)]]  # fmt: skip
            chart.line(points, f"{kind}{form_of_line}")
            for x, y in points:
                chart.dot(x, y, kind, told=f"{side.subject}, {name}: {y:.1f} ms at {x:,.0f} a second")
            key.append((f"{kind}{form_of_line}", f"{side.subject}, {name}"))
    return _standing_alone(chart.svg(), TITLES[form], key)


def _steady(side: Findings, form: Form) -> list[Stretch]:
    return [stretch for share in SHARES if (stretch := side.steady(form, share)) is not None]


def _standing_alone(svg: str, title: str, key: Sequence[tuple[str, str]]) -> str:
    """Return a chart with its title, its key and its looks in it, so that it can be shown by itself."""
    height = HEIGHT + _KEY_LINE * (len(key) + 1)
    lines = [f'<text class="label" x="2" y="-6">{escaped(title)}</text>']
    for number, (kind, text) in enumerate(key):
        y = HEIGHT + FOOT / 4 + _KEY_LINE * number
        lines.append(f'<path class="line {kind}" d="M{LEFT:g} {y:g}h{_KEY_STROKE:g}"/>')
        lines.append(f'<text x="{LEFT + _KEY_STROKE + 6:g}" y="{y + 4:g}">{escaped(text)}</text>')
    return (
        svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" width="720" ', 1)
        .replace(
            f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}">',
            f'viewBox="-8 -22 {WIDTH + 120:g} {height + 22:g}"><style>{_STYLE}</style>',
            1,
        )
        .replace("</svg>", "".join(lines) + "</svg>\n")
    )
