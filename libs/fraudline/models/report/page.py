"""The page around the plots: one HTML file that needs no network, no script and no other file."""

from collections.abc import Sequence
from typing import Final

from fraudline.models.report.plot import Plot, Table
from fraudline.models.report.style import STYLE
from fraudline.models.report.text import escaped

# Whatever got into the page: nothing runs, nothing is fetched, nothing is sent.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, subtitle: str, parts: Sequence[str]) -> str:
    """Return the page; `title` and `subtitle` are plain text, `parts` HTML. It is well-formed XML too."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        '<meta name="referrer" content="no-referrer"/>'
        f"<title>{escaped(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><header><h1>{escaped(title)}</h1><p>{escaped(subtitle)}</p></header>\n<main>"
        + "\n".join(parts)
        + "</main></body></html>\n"
    )


def plots_section(title: str, plots: Sequence[Plot]) -> str:
    """Return plots under a heading, as many side by side as there is room."""
    drawn = "\n".join(plot.html() for plot in plots)
    return f'<h2>{escaped(title)}</h2><div class="plots">{drawn}</div>'


def tables_section(title: str, tables: Sequence[Table]) -> str:
    """Return tables under a heading."""
    panels = "".join(f'<div class="panel">{table.html()}</div>' for table in tables)
    return f"<h2>{escaped(title)}</h2>{panels}"


def facts_section(title: str, facts: Sequence[tuple[str, str]]) -> str:
    """Return names with what is said of each."""
    pairs = "".join(f"<dt>{escaped(name)}</dt><dd>{escaped(said)}</dd>" for name, said in facts)
    return f'<h2>{escaped(title)}</h2><div class="panel"><dl>{pairs}</dl></div>'


def sentences_section(title: str, sentences: Sequence[str]) -> str:
    """Return sentences as a list."""
    items = "".join(f"<li>{escaped(sentence)}</li>" for sentence in sentences)
    return f'<h2>{escaped(title)}</h2><div class="panel"><ul>{items}</ul></div>'


def warning(sentence: str) -> str:
    """Return what has to be known before anything else is read."""
    return f'<div class="panel warning" role="note"><p>{escaped(sentence)}</p></div>'
