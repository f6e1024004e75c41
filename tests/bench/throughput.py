"""The system against the usual way, in one run: `python tests/bench/throughput.py --help`.

Both over the same RabbitMQ and PostgreSQL, one after the other, with the same payments, the same model and the same
load generator, which shares the machine's cores with them: two, where the limits of the goals come from. The exit code
is 1 where a count does not agree or a goal that was measured is missed.
"""

import argparse
import asyncio
import math
import re
import sys
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path

import growth
import throughput_page
import yardstick
from baseline.running import running_baseline
from throughput_goals import Run, goals
from throughput_model import model_for

from fraudline.bench.course import FULL, QUICK, Course, Findings, follow
from fraudline.bench.load import Form
from fraudline.bench.measuring import Measuring, Supply
from fraudline.bench.payments import record
from fraudline.bench.servers import Servers, servers
from fraudline.bench.table import HEAD
from fraudline.cli.bench import RESULTS, simulated_payments, tell, with_overload, write
from fraudline.cli.bench_system import running_system
from fraudline.errors import FraudlineError
from fraudline.models.histories.files import Mapping, read_history

PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "handbook-2018-04-01--2018-08-14.parquet"
OUTPUT = Path(__file__).parents[2] / ".bench" / "throughput"
_ENTITIES = re.compile(r"^fraudline_entities (\S+)$", re.MULTILINE)
REQUEST_SECONDS = 5.0


def say(line: str) -> None:
    """Print one line of the measurement."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Measure both, judge, write it all down; return the exit code."""
    options = _options()
    course = with_overload(QUICK if options.quick else FULL, wanted=options.overload)
    began = time.monotonic()
    try:
        run = _measure(course, has_growth=options.growth)
    except FraudlineError as error:
        sys.stderr.write(f"throughput: {error}\n")
        return 1
    judged = list(goals(run, is_quick=options.quick))
    document = {
        "payments": "public" if PUBLIC.exists() else "simulated",
        "is_quick": options.quick,
        "seconds": round(time.monotonic() - began),
        "predict_microseconds": run.predict_microseconds,
        "entities": run.entities,
        "growth": {} if run.grown is None else {n: one.document() for n, one in run.grown.stretches.items()},
        "goals": [asdict(goal) | {"is_reached": goal.is_reached} for goal in judged],
    }
    write(options.output, [run.system, run.usual], document)
    for goal in judged:
        say(f"{goal.name:62} {goal.figure:10,.2f}  {goal.told('.2f')}")
    if options.page:
        throughput_page.write(options.output / RESULTS, options.page)
    missed = sum(not goal.is_reached for goal in judged)
    say(f"{len(judged) - missed} of {len(judged)} goals reached; {options.output / RESULTS} holds all figures")
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for figures and drawings")
    parser.add_argument("--quick", action="store_true", help="a look of two minutes, too short for a judgement")
    parser.add_argument("--overload", action="store_true", help="also loads beyond saturation, 30 s each")
    parser.add_argument("--growth", action="store_true", help="also five million entities, which takes its time")
    parser.add_argument("--page", type=Path, help="a Markdown page whose measured part is written anew")
    return parser.parse_args()


def _measure(course: Course, *, has_growth: bool) -> Run:
    if PUBLIC.exists():
        history = read_history(PUBLIC, Mapping.HANDBOOK)
    else:
        say(f"{PUBLIC.name} is not there; simulated payments are posted")
        history = simulated_payments()
    model = model_for(history)
    predict = yardstick.predict_microseconds()
    say(f"LightGBM's predict takes {predict:.1f} µs a row of the yardstick here")
    with servers(say) as started:
        recorded = started.folder / "payments.ndjson"
        record(history, recorded)
        del history
        system, entities = _system(started, model, recorded, course)
        usual = _usual(started, model, recorded, course)
    grown = None
    if has_growth:
        with servers(say) as started, running_system(started, {"FRAUDLINE_MODEL": str(model)}) as subject:
            grown = asyncio.run(growth.measure(Measuring(subject, Supply(population=growth.SIZES[0])), tell))
    return Run(system, usual, predict, entities, grown)


def _system(started: Servers, model: Path, recorded: Path, course: Course) -> tuple[Findings, float]:
    with running_system(started, {"FRAUDLINE_MODEL": str(model)}) as subject:
        say(f"{subject.name}\n{HEAD}")
        findings = asyncio.run(follow(course, Measuring(subject, Supply(recorded)), tuple(Form), tell=tell))
        return findings, _entities(subject.admin_urls["scorer"])


def _usual(started: Servers, model: Path, recorded: Path, course: Course) -> Findings:
    with running_baseline(started, model) as subject:
        say(f"{subject.name}\n{HEAD}")
        forms = (Form.SINGLE, Form.WAIT)
        plain = Course(course.warm_up, course.saturation, course.steady, course.alone, 0.0, 0.0, course.shares)
        return asyncio.run(follow(plain, Measuring(subject, Supply(recorded)), forms, tell=tell))


def _entities(admin_url: str) -> float:
    with urllib.request.urlopen(f"{admin_url}/metrics", timeout=REQUEST_SECONDS) as answer:  # noqa: S310 - our own port
        found = _ENTITIES.search(answer.read().decode())
    return float(found[1]) if found else math.nan


if __name__ == "__main__":
    sys.exit(main())
