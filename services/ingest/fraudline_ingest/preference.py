"""What a client would like of its answer: the header Prefer (RFC 7240), of which we know `wait`."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_WAIT_SECONDS = 3.0

_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,9})?")


def preferred_wait(headers: "Iterable[str]") -> float | None:
    """Return for how many seconds a client wants to wait for the verdict, three at most; None where it does not.

    `headers` are the values of Prefer, which may be given more than once. The RFC knows whole seconds alone; a payment
    has parts of one. A preference that cannot be read is none, as the RFC has it; of several the first counts.
    """
    for header in headers:
        for preference in header.split(","):
            name, _, value = preference.partition(";")[0].partition("=")
            if name.strip().lower() == "wait":
                told = value.strip().strip('"')
                seconds = float(told) if _SECONDS.fullmatch(told) else 0.0
                return min(seconds, LONGEST_WAIT_SECONDS) if seconds > 0 else None
    return None
