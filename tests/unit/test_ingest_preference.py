"""How long a client would like to wait, by the header Prefer (RFC 7240)."""

import pytest

from fraudline_ingest.preference import preferred_wait


@pytest.mark.parametrize(
    ("preference", "seconds"),
    [
        ("wait=1", 1.0),
        ("wait=0.5", 0.5),
        ('respond-async, Wait = "0.25"; x=1', 0.25),
        ("wait=2, wait=1", 2.0),
        ("wait=60", 3.0),
        ("wait=999999", 3.0),
    ],
)
def test_a_client_waits_for_as_long_as_it_says_and_no_longer_than_three_seconds(
    preference: str, seconds: float
) -> None:
    assert preferred_wait([preference]) == seconds


@pytest.mark.parametrize(
    "preference", ["wait", "wait=", "wait=0", "wait=-1", "wait=soon", "wait=1e9", "x=wait=1", "", "٣"]
)
def test_a_preference_that_cannot_be_read_is_none(preference: str) -> None:
    assert preferred_wait([preference]) is None


def test_preferences_may_come_in_several_headers() -> None:
    assert preferred_wait(["respond-async", "wait=0.1"]) == 0.1
    assert preferred_wait([]) is None
