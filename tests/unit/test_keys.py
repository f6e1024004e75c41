import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudline.domain.api_key import Client, Role, hash_of, is_well_formed, new_key, shown_prefix
from fraudline.errors import DependencyAway
from fraudline.postgres.api_keys import is_client_name
from fraudline.service.problem_kind import ProblemKind
from fraudline.web.key_ring import HOLD_SECONDS, MOST_REMEMBERED, KeyRing
from fraudline.web.problems import Problem

SHOP = Client("shop", Role.INGEST)


class Table:
    """The key table as the ring's reader sees it."""

    def __init__(self, clients: Mapping[bytes, Client]) -> None:
        self.clients = clients
        self.is_away = False
        self.reads = 0

    async def read(self) -> Mapping[bytes, Client]:
        self.reads += 1
        if self.is_away:
            raise DependencyAway("PostgreSQL", "test")
        return self.clients


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def key() -> str:
    return new_key()


@pytest.fixture
def table(key: str) -> Table:
    return Table({hash_of(key): SHOP})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ring(table: Table, clock: Clock) -> KeyRing:
    return KeyRing(table.read, clock=clock)


def test_a_new_key_is_well_formed_long_and_never_the_same() -> None:
    keys = {new_key() for _ in range(100)}

    assert len(keys) == 100
    assert all(is_well_formed(key) and key.startswith("flk_") and len(key) == 44 for key in keys)


@given(place=st.integers(4, 43), character=st.characters(codec="ascii", categories=["Lu", "Ll", "Nd"]))
def test_a_key_with_one_wrong_character_is_thrown_out(place: int, character: str) -> None:
    key = new_key()
    mistyped = key[:place] + character + key[place + 1 :]

    assert is_well_formed(mistyped) == (mistyped == key)


@given(st.text())
def test_any_other_text_is_no_key(text: str) -> None:
    assert not is_well_formed(text)


def test_what_is_shown_of_a_key_leaves_most_of_it_unknown(key: str) -> None:
    assert len(shown_prefix(key)) == 12


def test_roles_have_an_order() -> None:
    assert Role.LEAD.is_at_least(Role.ANALYST)
    assert Role.ANALYST.is_at_least(Role.ANALYST)
    assert not Role.INGEST.is_at_least(Role.ANALYST)


@pytest.mark.parametrize(("name", "fits"), [("shop", True), ("", False), (" shop", False), ("a\nb", False)])
def test_a_client_has_a_printable_name(name: str, fits: bool) -> None:  # noqa: FBT001 - pytest passes parameters so
    assert is_client_name(name) is fits


async def test_a_live_key_is_known_by_its_hash(ring: KeyRing, key: str) -> None:
    await ring.refresh()

    assert ring.identify(f"Bearer {key}") == SHOP
    assert ring.identify(f"bearer  {key} ") == SHOP


async def test_before_the_first_reading_everybody_is_asked_to_come_back(ring: KeyRing, key: str) -> None:
    assert ring.unready_reason() is not None
    with pytest.raises(DependencyAway):
        ring.identify(f"Bearer {key}")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic dTpw", "Bearer flk_fake", "Bearer 密"])
async def test_what_is_no_key_is_refused_without_a_table(ring: KeyRing, header: str | None) -> None:
    with pytest.raises(Problem) as raised:
        ring.identify(header)

    assert raised.value.kind is ProblemKind.UNAUTHORIZED
    assert raised.value.response().headers["www-authenticate"].startswith("Bearer")


async def test_an_unknown_key_costs_no_query(ring: KeyRing, table: Table) -> None:
    await ring.refresh()

    for _ in range(10):
        with pytest.raises(Problem):
            ring.identify(f"Bearer {new_key()}")

    assert table.reads == 1


async def test_a_revoked_key_is_dead_after_the_next_reading(ring: KeyRing, table: Table, key: str) -> None:
    await ring.refresh()
    assert ring.identify(f"Bearer {key}") == SHOP
    table.clients = {}
    await ring.refresh()

    with pytest.raises(Problem) as raised:
        ring.identify(f"Bearer {key}")
    assert raised.value.kind is ProblemKind.UNAUTHORIZED


async def test_while_the_database_is_away_the_last_table_holds_for_an_hour(
    ring: KeyRing, table: Table, clock: Clock, key: str
) -> None:
    await ring.refresh()
    table.is_away = True
    clock.now += HOLD_SECONDS
    await ring.refresh()

    assert ring.identify(f"Bearer {key}") == SHOP
    assert ring.unready_reason() is None

    clock.now += 1
    with pytest.raises(DependencyAway):
        ring.identify(f"Bearer {key}")
    assert ring.unready_reason() is not None

    table.is_away = False
    await ring.refresh()
    assert ring.identify(f"Bearer {key}") == SHOP


async def test_a_key_in_however_many_spellings_is_known_and_no_more_of_them_remembered_than_may_be(
    ring: KeyRing, key: str
) -> None:
    await ring.refresh()

    clients = {ring.identify(f"Bearer {' ' * blanks}{key}") for blanks in range(MOST_REMEMBERED + 2)}

    assert clients == {SHOP}
    assert len(ring._remembered) == MOST_REMEMBERED  # noqa: SLF001 - nothing outside shows it


async def test_a_key_of_another_role_is_not_admitted(ring: KeyRing, key: str) -> None:
    await ring.refresh()

    assert ring.admit(f"Bearer {key}", {Role.INGEST}) == SHOP
    with pytest.raises(Problem, match="role analyst or lead") as raised:
        ring.admit(f"Bearer {key}", {Role.LEAD, Role.ANALYST})
    assert raised.value.kind is ProblemKind.FORBIDDEN


async def test_the_ring_stops_when_it_is_told_to(ring: KeyRing, table: Table) -> None:
    stop = asyncio.Event()
    stop.set()

    async with asyncio.timeout(1):
        await ring.run(stop)

    assert table.reads == 0
