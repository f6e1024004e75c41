"""The order of a measurement: how fast at most, then how long it takes at shares of that; the same for any subject."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fraudline.bench.load import Form
from fraudline.bench.measuring import STEADY_CONNECTIONS, Measuring, Stretch

SHARES: Final = (0.25, 0.5, 0.75, 0.9)
SATURATING_CONNECTIONS: Final = {Form.SINGLE: 64, Form.WAIT: STEADY_CONNECTIONS, Form.BATCH: 4}
# Each batch is a thousand payments under way: enough to fill every bound.
STEADY_BATCH_CONNECTIONS: Final = 64
FLAGGED_EVERY: Final = {"flagged, as the model says": 0, "flagged, 1 % more": 100, "flagged, half": 2}
OVERLOADS: Final = {Form.SINGLE: (2.0,), Form.BATCH: (2.0, 5.0, 10.0)}
ALONE: Final = "one alone"

Tell = Callable[[Stretch], None]


@dataclass(frozen=True, slots=True)
class Course:
    """How long each part takes, in seconds; 0 leaves it out.

    Attributes:
        warm_up: Before anything is measured.
        saturation: Posting as fast as answers come, each form.
        steady: Each share of what that gave.
        alone: One payment at a time, each waiting for its verdict.
        flagged: Each share of flagged payments.
        overload: Each multiple of saturation.
        shares: Which shares are measured.
    """

    warm_up: float = 3.0
    saturation: float = 15.0
    steady: float = 12.0
    alone: float = 5.0
    flagged: float = 8.0
    overload: float = 0.0
    shares: Sequence[float] = SHARES


FULL: Final = Course()
QUICK: Final = Course(warm_up=1.0, saturation=3.0, steady=2.0, alone=1.0, flagged=0.0, shares=(0.5,))


@dataclass(slots=True)
class Findings:
    """All stretches of one subject, by name."""

    subject: str
    stretches: dict[str, Stretch] = field(default_factory=dict)

    def saturation(self, form: Form) -> Stretch | None:
        """Return the stretch that shows the highest rate."""
        return self.stretches.get(saturation_name(form))

    def steady(self, form: Form, share: float) -> Stretch | None:
        """Return the stretch at a share of saturation."""
        return self.stretches.get(steady_name(form, share))

    def of(self, form: Form) -> list[Stretch]:
        """Return every stretch of one form, whatever its rate."""
        return [stretch for stretch in self.stretches.values() if stretch.form is form]

    @property
    def others_share(self) -> float:
        """The share of the machine that other programs took: the median of the stretches."""
        return statistics.median([stretch.others_share for stretch in self.stretches.values()] or [0.0])

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {name: stretch.document() for name, stretch in self.stretches.items()}


def saturation_name(form: Form) -> str:
    """Return what the stretch at saturation is called."""
    return f"{form.value}, saturation"


def steady_name(form: Form, share: float) -> str:
    """Return what the stretch at a share of saturation is called."""
    return f"{form.value}, {share:.0%} of it".replace("%", " %")


def overload_name(form: Form, times: float) -> str:
    """Return what the stretch beyond saturation is called."""
    return f"{form.value}, {times:g} times it"


def after_overload_name(form: Form, times: float) -> str:
    """Return what the stretch after one beyond saturation is called."""
    return f"{form.value}, half of it after {times:g} times"


async def follow(course: Course, measuring: Measuring, forms: Sequence[Form], *, tell: Tell) -> Findings:
    """Put a subject through a course; `tell` is given every stretch as soon as it is over.

    Raises:
        CountsDisagree: What is stored is not what was accepted.
        GeneratorFailed: The load could not be made.
    """
    findings = Findings(measuring.subject.name)

    async def post(name: str, form: Form, *, seconds: float, **how: Any) -> Stretch:
        stretch = await measuring.post(name, form, seconds=seconds, **how)
        findings.stretches[name] = stretch
        tell(stretch)
        return stretch

    for form in forms:
        await measuring.post("warm-up", form, seconds=course.warm_up, connections=SATURATING_CONNECTIONS[form])
    if course.alone and Form.WAIT in forms:
        await post(ALONE, Form.WAIT, seconds=course.alone, connections=1)
    for form in forms:
        highest = (
            await post(saturation_name(form), form, seconds=course.saturation, connections=SATURATING_CONNECTIONS[form])
        ).rate
        for share in course.shares:
            await post(
                steady_name(form, share),
                form,
                seconds=course.steady,
                rate=share * highest,
                connections=_steady_connections(form),
            )
        for times in OVERLOADS.get(form, ()) if course.overload else ():
            await post(
                overload_name(form, times),
                form,
                seconds=course.overload,
                rate=times * highest,
                connections=_steady_connections(form),
            )
            # Begins when the last verdict of the flood is stored: what it left behind would show here.
            await post(
                after_overload_name(form, times),
                form,
                seconds=course.steady,
                rate=0.5 * highest,
                connections=_steady_connections(form),
            )
    single = findings.saturation(Form.SINGLE)
    if course.flagged and single is not None:
        for name, every in FLAGGED_EVERY.items():
            await post(name, Form.SINGLE, seconds=course.flagged, rate=0.25 * single.rate, flagged_every=every)
    return findings


def _steady_connections(form: Form) -> int:
    return STEADY_BATCH_CONNECTIONS if form is Form.BATCH else STEADY_CONNECTIONS
