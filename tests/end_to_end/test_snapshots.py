"""Real scorers that start from a snapshot: nobody can tell, the audit least of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servers.eventually import eventually
from system.ledger import Journal, assert_ledgers_agree
from system.payments import public_transactions
from system.posting import post_all
from system.scorer_that_snapshots import new_scorer_that_snapshots

if TYPE_CHECKING:
    from system.services import System

EVERY = 400


async def test_a_standby_that_started_from_the_owners_snapshot_takes_over_as_if_it_had_read_everything(
    system: System,
) -> None:
    journal = Journal()
    payments = public_transactions(2_000)
    owner = new_scorer_that_snapshots(system, every=EVERY)
    system.ingest.start()
    owner.start()
    await system.ingest.until_ready()
    await owner.until_ready()
    await post_all(system, payments[:1_000], journal)
    await eventually(lambda: owner.metric("fraudline_snapshot_position") >= EVERY)
    assert owner.metric("fraudline_snapshot_age_seconds") >= 0

    standby = new_scorer_that_snapshots(system, every=EVERY)
    standby.start()
    await standby.until_ready()
    (restored,) = standby.logged("snapshot_restored")
    assert isinstance(restored["position"], int)
    assert EVERY <= restored["position"] <= 1_000
    owner.kill()
    await post_all(system, payments[1_000:], journal)

    ledger = await assert_ledgers_agree(system, journal)
    assert ledger.verdicts == 2_000
    await eventually(lambda: standby.logged("snapshot_written"))
    assert standby.stop() == 0
