"""The audit finds what does not follow from the log."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from fraudline.cli.audit import audit as audit_command
from fraudline.state.audit import AuditResult, audit
from fraudline.state.partition_state import BrokenLog
from system.ledger import Journal, assert_ledgers_agree
from system.payments import public_transactions
from system.posting import post_all

if TYPE_CHECKING:
    import asyncpg

    from system.services import System


async def test_the_audit_finds_every_tampered_score_and_every_missing_position(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    await system.start()
    await post_all(system, public_transactions(200), journal)
    await assert_ledgers_agree(system, journal)
    position = 117

    # The smallest change that a double can hold.
    await database.execute(
        "update fraudline.verdicts set score = score + score * 2.3e-16 where position = $1 and partition = 0", position
    )
    found = await audit(system.database_url, system.model)
    assert [(difference.partition, difference.position) for difference in found.differences] == [(0, position)]

    await database.execute("update fraudline.verdicts set score = null where position = $1 and partition = 0", position)
    found = await audit(system.database_url, system.model)
    assert [(difference.position, math.isnan(difference.stored)) for difference in found.differences] == [(117, True)]

    # Amounts that are not those of the log any more give other scores, to them and to what comes after.
    await database.execute("update fraudline.transactions set base_amount = base_amount * 50 where position <= 20")
    assert (await audit(system.database_url, system.model)).differing > 1

    await database.execute("delete from fraudline.transactions where position = 50")
    with pytest.raises(BrokenLog, match="lacks positions: 1 of the positions 1 to 200 are missing, 50 is the first"):
        await audit(system.database_url, system.model)

    # As many events as positions are not enough: one of them stands where another stands already.
    a_label_at = """
        insert into fraudline.label_applications (partition, position, transaction_id, card_id, merchant_id, counted_at,
                                                  weight)
        select partition, $1, transaction_id, card_id, merchant_id, accepted_at, 1
        from fraudline.transactions where position = 51
    """
    await database.execute(a_label_at, 51)
    with pytest.raises(BrokenLog, match="lacks positions: 1 of the positions 1 to 200 are missing, 50 is the first"):
        await audit(system.database_url, system.model)

    await database.execute(a_label_at, 50)
    with pytest.raises(BrokenLog, match="positions twice or out of order: 201 events at the 200 positions 1 to 200"):
        await audit(system.database_url, system.model)


@pytest.mark.parametrize(
    ("result", "exit_code", "told"),
    [
        (AuditResult(positions=3, of_other_models=3), 1, "No score could be compared: 3 are of other models"),
        (AuditResult(positions=3, without_score=3), 1, "3 verdicts have no score"),
        (AuditResult(positions=3, checked=1, without_score=2), 0, "2 verdicts have no score"),
        (AuditResult(positions=3, checked=1, of_other_models=2), 0, "2 scores of other models were not compared"),
        (AuditResult(), 0, "0 scores compared"),
    ],
)
def test_an_audit_that_could_compare_no_score_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, result: AuditResult, exit_code: int, told: str
) -> None:
    async def repeated(*_arguments: object, **_options: object) -> AuditResult:
        return result

    monkeypatch.setattr("fraudline.cli.audit.repeat_scores", repeated)
    monkeypatch.setattr("fraudline.cli.audit.database_url", lambda: "postgresql://nowhere")
    app = typer.Typer()
    app.command()(audit_command)

    ran = CliRunner().invoke(app, ["--model", "model"])

    assert ran.exit_code == exit_code
    assert told in ran.output
