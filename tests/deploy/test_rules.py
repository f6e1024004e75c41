"""The alert rules: valid, each with tests that would notice if it were broken, each with a page for who is woken."""

import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fraudline.local.prometheus import PrometheusPrograms

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
RULES = PROMETHEUS / "rules" / "fraudline.yml"
RUNBOOKS = DEPLOY / "runbooks"
HEAD = "groups:\n  - name: fraudline\n    rules:\n"
# What every page says, in this order.
HEADINGS = ["What it means", "Look", "Do", "Over when"]

GROUPS = YAML(typ="safe").load(RULES)["groups"]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"]}

# Each a fault that somebody could make in the alert's own rule, as (alert, what stands there, what would stand there).
FAULTS = [
    ("FraudlineServiceDown", "max by (job) (up{", "min by (job) (up{"),
    ("FraudlineServiceDown", "for: 30s", "for: 25s"),
    ("FraudlineServiceDown", "for: 30s", "for: 35s"),
    ("FraudlineServiceDown", "scorer|", ""),
    ("FraudlineServiceDown", 'or absent(up{job="ingest"})', ""),
    ("FraudlineServiceDown", 'or absent(up{job="scorer"})', ""),
    ("FraudlineServiceDown", 'or absent(up{job="explainer"})', ""),
    ("FraudlineServiceDown", 'or absent(up{job="alerts"})', ""),
    ("FraudlineServiceDown", "severity: critical", "severity: warning"),
    ("FraudlineProcessDown", " and on (job) max by (job) (up) == 1", ""),
    ("FraudlineProcessDown", 'or up{job="rabbitmq"} == 0', ""),
    ("FraudlineProcessDown", "scorer|", ""),
    ("FraudlineProcessDown", "for: 5m", "for: 290s"),
    ("FraudlineProcessDown", "for: 5m", "for: 310s"),
    ("FraudlineBacklogOld", "> 30", ">= 30"),
    ("FraudlineBacklogOld", "> 30", "> 31"),
    ("FraudlineBacklogOld", "max(", "min("),
    ("FraudlineBacklogOld", "for: 1m", "for: 50s"),
    ("FraudlineBacklogOld", "for: 1m", "for: 70s"),
    ("FraudlineNothingScored", '{kind="transaction"}', ""),
    ("FraudlineNothingScored", "+ sum(rate(fraudline_duplicates_total[2m]))", ""),
    ("FraudlineNothingScored", "+ sum(rate(fraudline_conflicts_total[2m]))", ""),
    ("FraudlineNothingScored", "unless", "and"),
    ("FraudlineNothingScored", "for: 1m", "for: 45s"),
    ("FraudlineNothingScored", "for: 1m", "for: 80s"),
    ("FraudlineErrorRatio", "> 0.01", "> 0.02"),
    ("FraudlineErrorRatio", "> 0.01", "> 0.004"),
    ("FraudlineErrorRatio", '"5.."', '"[45].."'),
    ("FraudlineErrorRatio", "> 5\n", "> 0\n"),
    ("FraudlineErrorRatio", "for: 2m", "for: 1m"),
    ("FraudlineErrorRatio", "for: 2m", "for: 7m"),
    ("FraudlineDeadLetters", "increase(fraudline_dead_letters_total[15m]) > 0\n            or", ""),
    ("FraudlineDeadLetters", "(fraudline_dead_letters_total unless", "(fraudline_dead_letters_total and"),
    ("FraudlineDeadLetters", "unless fraudline_dead_letters_total offset 15m", ""),
    ("FraudlineDeadLetters", "for: 15s", "for: 5s"),
    ("FraudlineDeadLetters", "for: 15s", "for: 30s"),
    ("FraudlineMessageHoles", "> 0", "> 1"),
    ("FraudlineMessageHoles", "> 0", ">= 0"),
    ("FraudlineMessageHoles", "max(", "min("),
    ("FraudlineMessageHoles", "for: 1m", "for: 55s"),
    ("FraudlineMessageHoles", "for: 1m", "for: 65s"),
    ("FraudlineFlaggedNotOpened", '{decision!="approve"}', ""),
    ("FraudlineFlaggedNotOpened", '{decision!="approve"}', '{decision="decline"}'),
    ("FraudlineFlaggedNotOpened", "unless", "and"),
    ("FraudlineFlaggedNotOpened", "for: 2m", "for: 100s"),
    ("FraudlineFlaggedNotOpened", "for: 2m", "for: 150s"),
    ("FraudlineOutboxStuck", "> 60", "> 0"),
    ("FraudlineOutboxStuck", "> 60", "> 80"),
    ("FraudlineOutboxStuck", "for: 1m", "for: 50s"),
    ("FraudlineOutboxStuck", "for: 1m", "for: 70s"),
    ("FraudlineExplanationsLate", " unless sum(rate(fraudline_explained_total[1m])) > 0", ""),
    (
        "FraudlineExplanationsLate",
        "(max(fraudline_explanations_pending) > 0",
        "(max(fraudline_explanations_pending) >= 0",
    ),
    ("FraudlineExplanationsLate", "quantile(0.5,", "quantile(0.3,"),
    ("FraudlineExplanationsLate", "quantile(0.5,", "quantile(0.9,"),
    ("FraudlineExplanationsLate", "for: 5m", "for: 4m"),
    ("FraudlineExplanationsLate", "for: 5m", "for: 6m"),
]


def promtool(programs: PrometheusPrograms, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [programs.promtool, *arguments], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def block_of(alert: str, rules: str) -> str:
    """Return the lines of one alert's rule."""
    found = re.search(rf"^      - alert: {alert}\n(?:(?!      - alert:).*\n)+", rules, re.MULTILINE)
    assert found is not None
    return found[0]


def test_configuration_and_rules_are_valid(prometheus_programs: PrometheusPrograms) -> None:
    checked = promtool(prometheus_programs, "check", "config", PROMETHEUS / "prometheus.yml")

    assert checked.returncode == 0, checked.stdout
    assert f"SUCCESS: {len(ALERTS)} rules found" in checked.stdout


def test_each_rule_fires_when_it_should_and_is_silent_when_not(prometheus_programs: PrometheusPrograms) -> None:
    tested = promtool(prometheus_programs, "test", "rules", *sorted((PROMETHEUS / "tests").glob("*.yml")))

    assert tested.returncode == 0, tested.stdout


@pytest.fixture(scope="module")
def faulty(prometheus_programs: PrometheusPrograms, tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """What each fault's own tests say about it: all at once, since a process each takes three times as long."""
    folder = tmp_path_factory.mktemp("faulty")
    rules = RULES.read_text()
    for number, (alert, right, wrong) in enumerate(FAULTS):
        block = block_of(alert, rules)
        assert right in block, f"{alert} has no {right!r} that could be wrong"
        # The rule alone: the others would cost ten times the time and are not asked about.
        (folder / f"rules-{number}.yml").write_text(HEAD + block.replace(right, wrong))
        tests = (PROMETHEUS / "tests" / f"{alert}.yml").read_text()
        (folder / f"tests-{number}.yml").write_text(tests.replace("../rules/fraudline.yml", f"rules-{number}.yml"))
    # A file that cannot be read at all would fail its tests for a poor reason.
    checked = promtool(prometheus_programs, "check", "rules", *sorted(folder.glob("rules-*.yml")))
    assert checked.returncode == 0, checked.stdout
    told = promtool(prometheus_programs, "test", "rules", *sorted(folder.glob("tests-*.yml"))).stdout
    return {
        int(number): verdict
        for number, verdict in re.findall(r"Unit Testing: .*/tests-(\d+)\.yml\s+(SUCCESS|FAILED)", told)
    }


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=lambda number: "-".join(FAULTS[number]))
def test_a_fault_in_a_rule_is_found_by_its_own_tests(faulty: dict[int, str], number: int) -> None:
    assert faulty[number] == "FAILED"


def test_each_rule_has_its_tests_its_faults_and_its_page_and_nothing_else_has_one() -> None:
    assert {path.stem for path in (PROMETHEUS / "tests").iterdir()} == set(ALERTS)
    assert {path.stem for path in RUNBOOKS.iterdir()} == set(ALERTS)
    assert {alert for alert, _, _ in FAULTS} == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_each_rule_says_how_grave_it_is_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]

    assert rule["for"]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["description"].endswith(".")
    assert rule["annotations"]["runbook_url"] == f"{{{{ $externalURL }}}}/user/{alert}.md"


@pytest.mark.parametrize("alert", ALERTS)
def test_each_page_says_what_it_means_where_to_look_what_to_do_and_when_it_is_over(alert: str) -> None:
    page = (RUNBOOKS / f"{alert}.md").read_text()

    assert page.startswith(f"# {alert}\n")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == HEADINGS
    assert f"severity: {ALERTS[alert]['labels']['severity']}" in page.splitlines()[2]
