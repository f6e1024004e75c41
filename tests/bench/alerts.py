"""How soon people see and the model learns, on this machine: `PYTHONPATH=tests python tests/bench/alerts.py`.

Starts a system of its own by `fraudline up` in a temporary folder and measures on it, one after the other: a verdict's
way to the screen of a real browser, a disposition's way into the log, 50 readers of the feed at 200 alerts a second,
and the first page with 100,000 open alerts. Fails where an alert is missed or shown twice.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import psutil

from fraudline.cli.running import RunningSystem
from fraudline.domain.api_key import Role
from fraudline.domain.transaction import rfc3339
from fraudline.postgres.api_keys import create_key
from fraudline.postgres.sign_in import create_link
from servers.chromium import a_browser, find_chromium

FRAUDLINE = [sys.executable, "-m", "fraudline.cli.main"]
START_SECONDS, STOP_SECONDS, LIMIT_SECONDS = 300.0, 60.0, 60.0
PORTS = ("INGEST", "INGEST_ADMIN", "SCORER_ADMIN", "EXPLAINER_ADMIN", "ALERTS", "ALERTS_ADMIN")

SCREEN_ALERTS, SCREEN_ALERTS_A_SECOND = 200, 5
DISPOSITIONS = 100
READERS, ALERTS_A_SECOND, READING_SECONDS = 50, 200, 15
OPEN_ALERTS, PAGES = 100_000, 40

# What a row of the page is seen at, by the browser's own clock, which is this machine's.
_WATCH = """
window.seen = {};
new MutationObserver((changes) => {
  for (const change of changes) for (const row of change.addedNodes)
    if (row.dataset?.alert) window.seen[row.dataset.alert] ??= performance.timeOrigin + performance.now();
}).observe(document.getElementById("rows"), {childList: true});
"""
_SCORED_AT = """
select a.id, extract(epoch from v.scored_at)::float8 as scored_at
from fraudline.alerts a join fraudline.verdicts v using (transaction_id)
where a.transaction_id like $1
"""
_DECIDE_ALL = """
select fraudline.dispose_alert(id, 'legitimate', null, 'bench') from fraudline.alerts where status = 'open'
"""
_APPLIED = "select count(*) from fraudline.label_applications where transaction_id = $1"
_FILL = """
with given as (
    insert into fraudline.verdicts (transaction_id, fingerprint, posted_by, partition, position, accepted_at, decision,
                                    score, reasons, reasons_status, model, policy, scored_at)
    select 'fill-' || n, decode(repeat('00', 32), 'hex'), 'bench', 1, n, now(), 'review', (n % 997) / 997.0,
           '[{"code": "amount", "text": "An amount of 912.40 EUR raises the score by itself.", "contribution": 1.5}]',
           'ready', 'm', 'p', now()
    from generate_series(1, $1::int) n returning transaction_id, score, accepted_at
), posted as (
    insert into fraudline.transactions (transaction_id, accepted_at, posted_by, partition, position, occurred_at,
                                        amount, currency, card_id, merchant_id)
    select transaction_id, accepted_at, 'bench', 1, row_number() over (), accepted_at, 912.40, 'EUR',
           'card-' || row_number() over () % 5000, 'merchant' from given
)
insert into fraudline.alerts (transaction_id, opened_at, decision, score, accepted_at, amount, currency, card_id,
                              merchant_id)
select transaction_id, now(), 'review', score, accepted_at, 912.40, 'EUR', 'card', 'merchant' from given
"""


def say(line: str) -> None:
    """Print one line of the measurement."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def quantiles(name: str, seconds: Sequence[float]) -> None:
    """Print the median, the 99th percentile and the worst of some times."""
    ordered = sorted(seconds)
    p50, p99 = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.99))
    told = f"p50 {p50 * 1e3:7.1f} ms   p99 {p99 * 1e3:7.1f} ms   worst {ordered[-1] * 1e3:7.1f} ms"
    say(f"{name:44} {told}   n={len(ordered)}")


def a_flagged_payment(transaction_id: str) -> dict[str, Any]:
    """Return a payment that a person has to look at: no rate is known for its currency."""
    number = abs(hash(transaction_id)) % 1_000
    return {
        "transaction_id": transaction_id,
        "occurred_at": rfc3339(datetime.now(UTC)),
        "amount": "1000",
        "currency": "XAF",
        "card_id": f"card-{number}",
        "merchant_id": f"merchant-{number % 50}",
    }


class Bench:
    """A running system, and the ways into it."""

    def __init__(self, system: RunningSystem, database: Any, key: str, page_url: str) -> None:
        self.system = system
        self.database = database
        self.key = key
        self.page_url = page_url
        self.ingest = httpx2.AsyncClient(
            base_url=system.ingest_url, headers={"Authorization": f"Bearer {system.api_key}"}, timeout=10
        )
        self.alerts = httpx2.AsyncClient(base_url=page_url, headers={"Authorization": f"Bearer {key}"}, timeout=10)

    async def post(self, transaction_ids: Sequence[str]) -> None:
        """Post flagged payments in one batch."""
        payments = [a_flagged_payment(transaction_id) for transaction_id in transaction_ids]
        answer = await self.ingest.post("/v1/transactions/batch", json=payments)
        assert answer.status_code == 202, answer.text

    async def until_alerts(self, prefix: str, count: int) -> None:
        """Return when so many payments have alerts."""
        give_up_at = time.monotonic() + LIMIT_SECONDS
        while (
            await self.database.fetchval(
                "select count(*) from fraudline.alerts where transaction_id like $1", f"{prefix}%"
            )
            < count
        ):
            assert time.monotonic() < give_up_at, "alerts are missing"
            await asyncio.sleep(0.02)


async def until_the_screen(bench: Bench) -> None:
    """Post flagged payments one by one, at a constant rate, and ask the browser when it showed each."""
    token = await create_link(bench.database, name="bench", role=Role.ANALYST)
    async with a_browser(find_chromium()) as browser:
        page = await browser.new_page()
        await page.goto(f"{bench.page_url}/sign-in?token={token}")
        await page.locator("#live", has_text="live").wait_for()
        await page.evaluate(_WATCH)
        began = time.monotonic()
        for number in range(SCREEN_ALERTS):
            await asyncio.sleep(max(0.0, began + number / SCREEN_ALERTS_A_SECOND - time.monotonic()))
            await bench.post([f"screen-{number}"])
            if number % 50 == 49:
                # The page shows a hundred at most: make room.
                await bench.until_alerts("screen-", number + 1)
                await bench.database.execute(_DECIDE_ALL)
        await bench.until_alerts("screen-", SCREEN_ALERTS)
        seen: dict[str, float] = {}
        give_up_at = time.monotonic() + LIMIT_SECONDS
        while len(seen) < SCREEN_ALERTS and time.monotonic() < give_up_at:
            seen = await page.evaluate("window.seen")
    rows = await bench.database.fetch(_SCORED_AT, "screen-%")
    assert {str(row["id"]) for row in rows} == seen.keys(), "the screen missed an alert"
    quantiles("verdict scored → on the screen", [seen[str(row["id"])] / 1e3 - row["scored_at"] for row in rows])


async def until_the_label(bench: Bench) -> None:
    """Decide alerts one by one, and look when the scorer has applied each label."""
    await bench.post([f"decide-{number}" for number in range(DISPOSITIONS)])
    await bench.until_alerts("decide-", DISPOSITIONS)
    rows = await bench.database.fetch("select id, transaction_id from fraudline.alerts where status = 'open'")
    took = []
    for row in rows:
        began = time.monotonic()
        answer = await bench.alerts.post(f"/v1/alerts/{row['id']}/disposition", json={"disposition": "fraud"})
        assert answer.status_code == 200, answer.text
        while not await bench.database.fetchval(_APPLIED, row["transaction_id"]):
            assert time.monotonic() - began < LIMIT_SECONDS
            await asyncio.sleep(0.001)
        took.append(time.monotonic() - began)
    quantiles("disposition asked → label applied", took)


@dataclass(frozen=True, slots=True)
class Reader:
    """What one reader of the feed has seen: that it is open, each event's lag and number, that all have come."""

    expects: int
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    has_all: asyncio.Event = field(default_factory=asyncio.Event)
    lags: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


async def read_feed(bench: Bench, seen: Reader) -> None:
    """Read the feed as one of many."""
    url = httpx2.URL(bench.page_url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = f"GET /v1/alerts/stream HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nAuthorization: Bearer {bench.key}\r\n\r\n"
    writer.write(head.encode())
    try:
        async for line in reader:
            seen.is_open.set()
            if line.startswith(b'data: {"number"'):
                event = json.loads(line[6:])
                happened = datetime.fromisoformat(event["happened_at"]).timestamp()
                seen.lags.append(time.time() - happened)
                seen.numbers.append(event["number"])
                if len(seen.numbers) == seen.expects:
                    seen.has_all.set()
    finally:
        writer.close()


async def many_readers(bench: Bench) -> None:
    """Let many read while alerts come at a constant rate; each must see every number once, in order."""
    process = psutil.Process(bench.system.pids["alerts"])
    before = process.memory_info().rss
    count = ALERTS_A_SECOND * READING_SECONDS
    readers = [Reader(count) for _ in range(READERS)]
    reading = [asyncio.create_task(read_feed(bench, reader)) for reader in readers]
    async with asyncio.timeout(LIMIT_SECONDS):
        await asyncio.gather(*(reader.is_open.wait() for reader in readers))
    cpu, began = sum(process.cpu_times()[:2]), time.monotonic()
    peak, batch = before, 20
    for start in range(0, count, batch):
        await asyncio.sleep(max(0.0, began + start / ALERTS_A_SECOND - time.monotonic()))
        await bench.post([f"feed-{number}" for number in range(start, start + batch)])
        peak = max(peak, process.memory_info().rss)
    await bench.until_alerts("feed-", count)
    async with asyncio.timeout(LIMIT_SECONDS):
        await asyncio.gather(*(reader.has_all.wait() for reader in readers))
    elapsed, used = time.monotonic() - began, sum(process.cpu_times()[:2]) - cpu
    for task in reading:
        task.cancel()
    await asyncio.wait(reading)
    for reader in readers:
        first, seen = reader.numbers[0], len(reader.numbers)
        assert reader.numbers == list(range(first, first + seen)), "a reader missed or saw a number twice"
    lags = [lag for reader in readers for lag in reader.lags]
    quantiles(f"feed, {READERS} readers, {ALERTS_A_SECOND} alerts/s: lag", lags)
    say(
        f"{'':44} {len(lags) / elapsed:,.0f} events/s in all; alerts: "
        f"{before / 2**20:.0f} MiB before, {peak / 2**20:.0f} MiB at most, {used / elapsed:.0%} of a core"
    )


async def first_page(bench: Bench) -> None:
    """Fill the table, and time the first page and the first list."""
    await bench.database.execute(_FILL.replace("$1::int", str(OPEN_ALERTS)), timeout=120)
    await bench.database.execute("analyze fraudline.alerts, fraudline.verdicts, fraudline.dispositions", timeout=120)
    token = await create_link(bench.database, name="bench", role=Role.ANALYST)
    async with httpx2.AsyncClient(base_url=bench.page_url, timeout=10) as person:
        signed = await person.get("/sign-in", params={"token": token})
        cookie = {"cookie": signed.headers["set-cookie"].partition(";")[0]}
        for name, client, path, headers in (
            (f"page / with {OPEN_ALERTS:,} open alerts", person, "/", cookie),
            ("GET /v1/alerts?status=open", bench.alerts, "/v1/alerts?status=open", {}),
            ("GET /v1/alerts?card_id=…", bench.alerts, "/v1/alerts?card_id=card-77", {}),
        ):
            took = []
            for _ in range(PAGES):
                began = time.monotonic()
                answer = await client.get(path, headers=headers)
                took.append(time.monotonic() - began)
                assert answer.status_code == 200, answer.text
            quantiles(name, took)


async def measure(system: RunningSystem) -> None:
    """Measure everything, one after the other."""
    database = await asyncpg.connect(system.database_url)
    key = await create_key(database, name="bench", role=Role.ANALYST)
    bench = Bench(system, database, key, system.alerts_url)
    give_up_at = time.monotonic() + 10
    while (await bench.alerts.get("/v1/alerts")).status_code == httpx2.codes.UNAUTHORIZED:
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.1)
    for part in (until_the_screen, until_the_label, many_readers, first_page):
        await part(bench)
    await bench.ingest.aclose()
    await bench.alerts.aclose()
    await database.close()


def main() -> int:
    """Measure once; return the exit code."""
    place = Path(tempfile.mkdtemp(prefix="fraudline-bench-"))
    place.chmod(0o711)
    own = {name: value for name, value in os.environ.items() if not name.startswith("FRAUDLINE_")}
    environment = own | {f"FRAUDLINE_{name}_PORT": "0" for name in PORTS}
    environment |= {"FRAUDLINE_STATE_DIR": str(place / "state")}
    try:
        with (place / "up.log").open("wb") as log:
            up = subprocess.Popen([*FRAUDLINE, "up"], env=environment, stdout=log, stderr=log)
        try:
            give_up_at = time.monotonic() + START_SECONDS
            while (system := RunningSystem.read(place / "state")) is None:
                if up.poll() is not None or time.monotonic() > give_up_at:
                    sys.stderr.write((place / "up.log").read_text())
                    return 1
                time.sleep(0.05)
            asyncio.run(measure(system))
        finally:
            up.terminate()
            up.wait(STOP_SECONDS)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
