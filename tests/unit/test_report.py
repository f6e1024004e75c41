"""The pages and the model card: safe, complete, reproducible, whatever was measured."""

import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from fraudline.domain.policy import Thresholds
from fraudline.models.evaluation.scored import DAY_MICROSECONDS, Scored
from fraudline.models.report import text
from fraudline.models.report.card import model_card
from fraudline.models.report.evaluation_page import evaluation_report
from fraudline.models.report.facts import EvaluationReport, Importance, Side, TrainingReport
from fraudline.models.report.limits import limits_of
from fraudline.models.report.training_page import training_report
from report_builders import FEATURES, a_comparison, a_scored, a_side, a_training

HOSTILE = '<script>alert("1")</script>&\x00\ud800[x](javascript:1)|`'
PLOTS = {"precision-recall", "roc", "calibration", "score-distribution", "cost", "alerts", "weeks"}


@pytest.fixture(scope="module")
def side() -> Side:
    return a_side()


@pytest.fixture(scope="module")
def comparison() -> EvaluationReport:
    return a_comparison()


def parsed(page: str) -> ET.Element:
    return ET.fromstring(page)  # noqa: S314 - the page is our own


def figures(page: str) -> dict[str, ET.Element]:
    return {figure.attrib["id"]: figure for figure in parsed(page).iter("figure")}


def test_every_plot_has_a_title_an_image_with_a_name_labelled_axes_and_a_finding(
    side: Side, comparison: EvaluationReport
) -> None:
    trained, compared = figures(training_report(a_training(side))), figures(evaluation_report(comparison))
    assert set(trained) == PLOTS | {"importance"}
    assert set(compared) == PLOTS
    for figure in (*trained.values(), *compared.values()):
        assert figure.find("h3") is not None
        assert all("".join(finding.itertext()) for finding in figure.findall("figcaption/p"))
        drawings = list(figure.iter("svg"))
        assert drawings
        for drawing in drawings:
            assert drawing.attrib["role"] == "img"
            assert drawing.attrib["aria-label"]
            assert len([one for one in drawing.iter("text") if one.get("class") == "label"]) == 2


def test_a_page_needs_no_script_no_network_and_no_other_file(side: Side, comparison: EvaluationReport) -> None:
    for page in (training_report(a_training(side)), evaluation_report(comparison)):
        for element in parsed(page).iter():
            assert element.tag not in {"script", "link", "img", "iframe", "object", "base", "form"}
            assert not {"src", "href", "action", "onload", "style"} & set(element.attrib)
        assert not re.search(r"https?:|url\(|@import", page)
        assert "default-src 'none'" in page
        assert "prefers-color-scheme: dark" in page
        assert len(page.encode()) < 100_000


def test_the_same_facts_make_the_same_bytes(side: Side, comparison: EvaluationReport) -> None:
    for write in (training_report, model_card):
        assert write(a_training(side)) == write(a_training(a_side()))
    assert evaluation_report(comparison) == evaluation_report(a_comparison())


def test_a_years_transactions_make_a_page_of_the_same_size() -> None:
    year = a_scored(rows=120_000, days=365)
    assert len(training_report(a_training(a_side(year))).encode()) < 200_000


def test_hostile_names_are_shown_and_do_nothing(side: Side, comparison: EvaluationReport) -> None:
    named = replace(side, evaluation=replace(side.evaluation, name=HOSTILE, base_currency=HOSTILE))
    importance = Importance((HOSTILE,), np.array([1.0]), 1, HOSTILE)
    facts = a_training(
        named, model=HOSTILE, importance=importance, features=(HOSTILE,), command=f"train {HOSTILE}", chosen_by=HOSTILE
    )
    compared = replace(comparison, sides=(named, comparison.sides[1]), notes=(HOSTILE,))

    for page in (training_report(facts), evaluation_report(compared)):
        page.encode()
        assert "script" not in {element.tag for element in parsed(page).iter()}
        assert '<script>alert("1")' in "".join(parsed(page).itertext())
    card = model_card(facts)
    card.encode()
    prose = "\n".join(line for line in card.splitlines() if not line.startswith("    "))
    assert "<script" not in prose
    assert "[x](" not in prose
    (row,) = [line for line in prose.splitlines() if line.startswith("| &lt;script")]
    assert row.count("|") - row.count("\\|") == 3


def test_markdown_is_escaped_where_it_would_mean_something_and_nowhere_else() -> None:
    assert text.markdown("card_amount_1h: 2018-07-18, 3 %") == "card_amount_1h: 2018-07-18, 3 %"
    assert text.markdown("*a* _b_ `c` [d](e) |f| # g <h>") == r"\*a\* \_b\_ \`c\` \[d\](e) \|f\| # g &lt;h&gt;"
    assert text.markdown("# heading\n- https://x www.y") == "\\# heading\ufffd- https\\://x www\\.y"


def nobody_flagged(scored: Scored) -> Scored:
    return replace(scored, decision=np.zeros_like(scored.decision))


def all_scores_equal(scored: Scored) -> Scored:
    return replace(scored, score=np.full(len(scored), 0.25))


def scores_of_0_and_1(scored: Scored) -> Scored:
    return replace(scored, score=scored.is_fraud.astype(np.float64))


def few_scores_and_no_amounts(scored: Scored) -> Scored:
    has_score = scored.is_fraud | (np.arange(len(scored)) % 9 == 0)
    return replace(scored, score=np.where(has_score, scored.score, np.nan), amount=np.full(len(scored), np.nan))


def a_week_without_fraud(scored: Scored) -> Scored:
    return replace(scored, is_fraud=scored.is_fraud & (scored.day >= scored.day[0] + 7))


def one_moment(scored: Scored) -> Scored:
    return replace(scored, time=np.full(len(scored), scored.time[0]))


def a_fraud_and_another(scored: Scored) -> Scored:
    is_chosen = np.zeros(len(scored), np.bool_)
    is_chosen[[int(np.flatnonzero(scored.is_fraud)[0]), int(np.flatnonzero(~scored.is_fraud)[0])]] = True
    return scored.where(is_chosen)


def ten_years(scored: Scored) -> Scored:
    return replace(scored, time=scored.time[0] + (scored.time - scored.time[0]) // 15 * 3_650)


def tiny_and_huge(scored: Scored) -> Scored:
    return replace(
        scored,
        score=np.where(scored.score < 0.5, scored.score * 1e-200, scored.score),
        amount=np.full(len(scored), 1e300),
    )


@pytest.mark.parametrize(
    "odd",
    [
        nobody_flagged,
        all_scores_equal,
        scores_of_0_and_1,
        few_scores_and_no_amounts,
        a_week_without_fraud,
        one_moment,
        a_fraud_and_another,
        ten_years,
        tiny_and_huge,
    ],
)
def test_odd_measurements_still_make_whole_pages(odd: Callable[[Scored], Scored]) -> None:
    scored = odd(a_scored(rows=600))
    facts = a_training(a_side(scored))
    for page in (training_report(facts), evaluation_report(a_comparison(scored, scored))):
        assert set(figures(page)) >= PLOTS
        for drawing in parsed(page).iter("svg"):
            places = [value for part in drawing.iter() for name, value in part.attrib.items() if name != "aria-label"]
            assert not any("nan" in place or "inf" in place for place in places)
    assert model_card(facts).startswith("# Model card")


def test_without_any_fraud_the_curves_give_way_to_a_sentence(side: Side) -> None:
    scored = replace(side.scored, is_fraud=np.zeros(len(side.scored), np.bool_))
    days = tuple(replace(day, frauds=0, flagged_frauds=0) for day in side.evaluation.by_day)
    bins = tuple(replace(one, frauds=0, fraud_share=0.0) for one in side.evaluation.reliability)
    decisions = tuple(replace(one, frauds=0, fraud_amount=0.0) for one in side.evaluation.decisions)
    evaluation = replace(side.evaluation, frauds=0, figures={}, by_day=days, reliability=bins, decisions=decisions)
    drawn = figures(training_report(a_training(Side(scored, evaluation, side.thresholds))))
    for name in ("precision-recall", "roc"):
        assert drawn[name].find(".//svg") is None
        assert drawn[name].find("figcaption/p") is not None
    assert drawn["alerts"].find(".//svg") is not None


def test_thresholds_are_marked_where_they_are_known(side: Side) -> None:
    cost = figures(training_report(a_training(replace(side, thresholds=Thresholds(0.031, 0.62)))))["cost"]
    names = ["".join(one.itertext()) for one in cost.iter("text") if one.get("class") == "name"]
    assert names == ["review from 0.0310", "decline from 0.620"]


def test_the_costs_of_stopping_nearly_everything_do_not_flatten_the_rest(side: Side) -> None:
    cost = figures(training_report(a_training(side)))["cost"]
    said = " ".join("".join(cost.itertext()).split())
    ticks = [one.text or "" for one in cost.iter("text") if one.get("text-anchor") == "end" and not one.get("class")]
    decided = float(re.search(r"As decided, ([\d,]+) EUR", said)[1].replace(",", ""))  # type: ignore[index] # it is said

    highest = max(float(tick.removesuffix("k")) * (1000 if tick.endswith("k") else 1) for tick in ticks)
    assert decided < highest < 5 * decided
    assert f"What costs more than {highest:,.0f} EUR a day is not drawn." in said
    # The cheapest of either threshold is marked, and none lies on the drawing's edge.
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in cost.iter("circle")]
    assert len(dots) == 2
    assert all(24 < up < 208 and 42 < across < 346 for across, up in dots)


def test_two_files_stand_side_by_side_with_their_differences(comparison: EvaluationReport) -> None:
    page = evaluation_report(comparison)
    head = ["".join(cell.itertext()) for cell in next(parsed(page).iter("tr"))]
    assert head[1:4] == ["new.parquet", "old.parquet", "Difference"]
    for name, figure in figures(page).items():
        key = ["".join(entry.itertext()) for entry in figure.findall("ul/li")]
        assert key[:2] == ["new.parquet", "old.parquet"], name


def said(facts: TrainingReport) -> str:
    return " ".join(limits_of(facts)).replace("\u00a0", " ")


def test_the_limits_are_read_off_the_data(side: Side) -> None:
    usual = said(a_training(side))
    assert "12 transactions without an exchange rate" in usual
    assert "Features of device and customer contribute nothing" in usual
    assert "known 7 days after it" in usual
    assert "interim model" not in usual

    odd = said(a_training(side, amounts_without_rate=0, is_in_sample=True, is_refit=True, evicted=3))
    assert "exchange rate" not in odd
    assert "for want of days or frauds" in odd
    assert "interim model" in odd
    assert "3 of the longest idle entities" in odd

    assert "Of the 46 days" not in usual
    late = said(a_training(side, label_delay_seconds=44 * 86_400))
    assert "Of the 46 days that a merchant's payments are remembered by, 1 day has known outcomes" in late
    assert "0 days have known outcomes" in said(a_training(side, label_delay_seconds=90 * 86_400))


def test_the_card_tells_what_a_reader_has_to_know(side: Side) -> None:
    facts = a_training(side)
    card = model_card(facts)
    for heading in (
        "What it is for",
        "What it is not for",
        "Data and split",
        "Metrics",
        "Thresholds and costs",
        "Calibration",
        "Features",
        "Limits and known weaknesses",
        "Fairness",
        "How to reproduce it",
    ):
        assert f"\n## {heading}\n" in card
    assert f"    {facts.command}\n" in card
    assert "| merchant | 2 |" in card
    assert "merchant_risk_30d" in card
    assert all(name in card for name in FEATURES if name.startswith("pair_"))


def test_the_first_day_of_a_measurement_is_the_first_of_its_report(side: Side) -> None:
    assert side.scored.time[0] % DAY_MICROSECONDS == 0
    assert "Measured on 2018-07-18 to 2018-08-01 (UTC)" in training_report(a_training(side))


def test_the_card_and_the_report_say_which_cards_count_and_what_file_is_meant(side: Side) -> None:
    unnamed = a_training(side, command="fraudline train FILE --output DIR")
    for told in (model_card(unnamed), training_report(unnamed)):
        assert "count all cards" in told
        assert "--known-from" in told
        assert "names of files are not kept" in told
    assert "names of files" not in model_card(a_training(side))


def test_one_cap_on_alerts_is_shown_whatever_was_measured(side: Side) -> None:
    capped = a_training(side, most_alerts_per_day=95.3)
    assert "at most 95 a day on average" in training_report(capped)
    assert "more than the 2.5 that" in said(a_training(side, most_alerts_per_day=2.5))


def test_one_week_has_neither_a_line_nor_a_shorter_end() -> None:
    week = figures(training_report(a_training(a_side(a_scored(days=5)))))["weeks"]
    assert {entry.attrib["class"].split()[0] for entry in week.findall("ul/li")} == {"dot"}
    assert "shorter" not in "".join(week.itertext())
