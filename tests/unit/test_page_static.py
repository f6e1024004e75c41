"""The files that the pages lean on: kept by browsers, fitting to the templates, legible; and values as written."""

import doctest
import re

import pytest
from starlette.requests import Request

from fraudline_alerts import readable
from fraudline_alerts.page.pages import TEMPLATES
from fraudline_alerts.page.static_files import FOLDER, StaticFiles

MODULES = {path.name: path.read_text() for path in FOLDER.glob("*.js")}


@pytest.fixture(scope="module")
def static() -> StaticFiles:
    return StaticFiles()


def a_request(**headers: str) -> Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": fields})


def test_a_file_may_be_kept_for_ever_under_its_version_alone(static: StaticFiles) -> None:
    current = static.response(a_request(), static.version, "feed.js")
    other = static.response(a_request(), "of-another-release", "feed.js")

    assert current is not None
    assert current.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert current.headers["content-type"] == "text/javascript; charset=utf-8"
    assert bytes(current.body) == (FOLDER / "feed.js").read_bytes()
    assert other is not None
    assert other.headers["cache-control"] == "no-cache"
    assert bytes(other.body) == bytes(current.body)


def test_a_file_that_the_browser_has_is_not_sent_again(static: StaticFiles) -> None:
    first = static.response(a_request(), static.version, "base.css")
    assert first is not None

    again = static.response(a_request(if_none_match=f'"x", W/{first.headers["etag"]}'), static.version, "base.css")

    assert again is not None
    assert again.status_code == 304
    assert bytes(again.body) == b""


@pytest.mark.parametrize("name", ["", "none.js", "../pages.py", "..%2fpages.py"])
def test_what_is_no_file_of_ours_is_not_served(static: StaticFiles, name: str) -> None:
    assert static.response(a_request(), static.version, name) is None
    with pytest.raises(KeyError):
        static.url(name)


def test_every_module_imports_files_that_exist_and_names_that_they_export() -> None:
    imports = [
        (module, neighbour, {name.strip() for name in names.split(",") if name.strip()})
        for module, source in MODULES.items()
        for names, neighbour in re.findall(r'import (?:\{([^}]*)\}|\* as \w+) from "\./(\w+\.js)"', source)
    ]

    assert len(imports) == sum(source.count("import ") for source in MODULES.values()) > 0
    for module, neighbour, names in imports:
        exported = re.findall(r"^export (?:async )?(?:function|class|const) (\w+)", MODULES[neighbour], re.MULTILINE)
        assert names <= set(exported), module


def test_every_hook_that_a_module_looks_for_is_in_a_template() -> None:
    markup = "\n".join(path.read_text() for path in TEMPLATES.iterdir())
    hooks = {
        "id": r'(?:getElementById|element)\("([\w-]+)"\)',
        "data-field": r'part\(\w+, "(\w+)"\)',
        "data-act": r'data-act="(\w+)"',
    }
    for attribute, looked_for in hooks.items():
        found = [(module, name) for module, source in MODULES.items() for name in re.findall(looked_for, source)]

        assert found, attribute
        assert [one for one in found if f'{attribute}="{one[1]}"' not in markup] == []


def test_no_module_makes_markup_of_text() -> None:
    markup = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|\.style\b")

    assert MODULES
    assert [module for module, source in MODULES.items() if markup.search(source)] == []


def luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the ratio as WCAG 2 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


TEXT_ON_GROUND = [
    *((ink, ground) for ink in ("ink", "quiet", "link") for ground in ("ground", "surface", "sunken")),
    *((ink, "ground") for ink in ("bad", "good")),
    *((ink, "surface") for ink in ("bad", "good", "doubt", "first", "second", "third")),
    ("bad", "bad-ground"), ("ink", "bad-ground"), ("doubt", "doubt-ground"), ("good", "good-ground"),
    ("ink", "doubt-ground"), ("bad", "sunken"), ("good", "sunken"),
    ("brand-ink", "brand"), ("brand-quiet", "brand"), ("surface", "bad"), ("surface", "good"), ("surface", "first"),
]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_is_legible_in_both_themes(theme: str) -> None:
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w+);", block))
        for block in re.findall(r":root \{([^}]*)\}", (FOLDER / "base.css").read_text())
    )
    colours = light if theme == "light" else light | dark

    faint = {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in TEXT_ON_GROUND}
    assert {pair: ratio for pair, ratio in faint.items() if ratio < 4.5} == {}
    assert contrast(colours["focus"], colours["ground"]) >= 3
    assert contrast(colours["edge"], colours["surface"]) >= 3


def test_the_examples_of_readable_values_hold() -> None:
    result = doctest.testmod(readable)

    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0.0004, "< 1 ms"),
        (0.9994, "999 ms"),
        (59.9, "59 s"),
        (60, "1 min"),
        (86_400, "1 d"),
        (300_000, "3 d"),
    ],
)
def test_a_length_of_time_reads_in_its_largest_unit(seconds: float | None, words: str) -> None:
    assert readable.duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"), [(None, "–"), (0.001, "< 0.01"), (1, "1"), (9.96, "10"), (1_000_000, "1,000,000")]
)
def test_a_number_reads_with_what_says_something(value: float | None, words: str) -> None:
    assert readable.number(value) == words
