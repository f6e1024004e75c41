"""The page in a real browser: signed in by a link, alive, decided on, and honest when the wire is cut."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from playwright.async_api import expect

from fraudline.domain.api_key import Role
from fraudline.postgres.api_keys import create_key
from fraudline.postgres.sign_in import create_link
from servers.chromium import a_browser
from servers.eventually import eventually
from servers.wire import a_wire_to
from system.alerts_alone import AlertsAlone, open_alerts
from system.ledger import Journal
from system.payments import a_transaction
from system.posting import post_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg
    from playwright.async_api import Browser, Page

    from system.services import System

    Database = asyncpg.Connection[asyncpg.Record]

FLAGGED: dict[str, Any] = {"currency": "XAF", "amount": "1000"}
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
SHOTS = os.environ.get("FRAUDLINE_TEST_SCREENSHOTS")


@pytest.fixture
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    async with a_browser(chromium) as browser:
        yield browser


@pytest.fixture
async def alerts(tmp_path: Path, amqp_url: str, database_url: str) -> AsyncIterator[AlertsAlone]:
    alone = AlertsAlone(tmp_path, amqp_url, database_url)
    alone.new_service().start()
    await alone.services[0].until_ready()
    yield alone
    alone.end()


@asynccontextmanager
async def signed_in(
    browser: Browser, url: str, database: Database, name: str = "bob", **context: Any
) -> AsyncIterator[Page]:
    """Give a page of a window of its own, signed in by a fresh link; what it logs as an error fails the test."""
    token = await create_link(database, name=name, role=Role.ANALYST)
    window = await browser.new_context(**context)
    page = await window.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    await page.goto(f"{url}/sign-in?token={token}")
    await expect(page).to_have_url(f"{url}/")
    yield page
    assert errors == []
    await window.close()


def row_of(page: Page, card_id: str) -> Any:
    return page.locator(".row", has_text=card_id)


async def shoot(page: Page, name: str) -> None:
    """Keep a picture for a person to look at, where one was asked for."""
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


async def test_an_alert_arrives_without_reload_and_a_decision_in_one_window_takes_it_from_the_other(
    system: System, database: Database, browser: Browser
) -> None:
    journal = Journal()
    await system.start(explainers=1, alerts=2)
    first, second = (service.url for service in system.alerts)
    async with (
        signed_in(browser, first, database, "bob") as bob,
        signed_in(browser, second, database, "eve", viewport={"width": 360, "height": 740}) as eve,
    ):
        for page in (bob, eve):
            await expect(page.locator("#live")).to_have_text("live")
            await expect(page.locator("#empty")).to_be_visible()

        await post_all(system, [a_transaction(1, card_id="card-one", **FLAGGED)], journal)

        for page in (bob, eve):
            await expect(row_of(page, "card-one")).to_be_visible(timeout=3_000)
            await expect(page.locator("#open-count")).to_have_text("1")
        # The reasons follow by themselves.
        await expect(row_of(bob, "card-one")).to_contain_text("no exchange rate is known", timeout=5_000)
        await row_of(bob, "card-one").get_by_role("link", name="Open").click()
        await expect(bob.get_by_role("heading", name="Why it was flagged")).to_be_visible()
        await shoot(bob, "alert")
        await bob.get_by_label("Note").fill("the customer called")
        await bob.get_by_role("button", name="Fraud").click()

        await expect(bob.locator("[data-region=decide]")).to_contain_text("the customer called")
        await expect(eve.locator("#open-count")).to_have_text("0")
        await expect(eve.get_by_text("bob said fraud").first).to_be_visible()
        await shoot(eve, "queue-decided-narrow")
    await eventually(lambda: database.fetchval("select count(*) = 1 from fraudline.label_applications"))


async def test_who_decides_second_is_told_what_the_first_said_and_loses_no_word(
    alerts: AlertsAlone, database: Database, browser: Browser
) -> None:
    (alert,) = await open_alerts(database, ["t-1"])
    port = alerts.services[0].port
    assert port is not None
    async with a_wire_to(port) as wire, signed_in(browser, wire.url, database, "bob") as bob:
        await bob.goto(f"{wire.url}/alerts/{alert}")
        await bob.get_by_label("Note").fill("I had it here in front of me")
        # The first word comes while the wire to the second one's page is cut.
        wire.cut()
        await database.fetch("select fraudline.dispose_alert($1, 'legitimate', 'known customer', 'alice')", alert)
        await bob.get_by_role("button", name="Fraud").click()
        await expect(bob.locator("#fault")).to_be_visible()
        await expect(bob.get_by_label("Note")).to_have_value("I had it here in front of me")
        wire.mend()

        await expect(bob.locator("[data-region=decide]")).to_contain_text("alice", timeout=15_000)
        await expect(bob.locator("[data-region=decide]")).to_contain_text("known customer")
    assert await database.fetchval("select disposition from fraudline.dispositions") == "legitimate"


async def test_no_alert_is_missed_or_shown_twice_over_a_wire_that_is_cut_under_load(
    alerts: AlertsAlone, database: Database, browser: Browser
) -> None:
    service = alerts.services[0]
    assert service.port is not None
    async with a_wire_to(service.port) as wire, signed_in(browser, wire.url, database) as page:
        await expect(page.locator("#live")).to_have_text("live")

        for part in range(4):
            for number in range(10):
                if number == 3:
                    wire.cut()
                    await expect(page.locator("#live")).not_to_have_text("live")
                if number == 7:
                    wire.mend()
                await open_alerts(database, [f"t-{part}-{number}"], card_id=f"card-{part}-{number}", score=0.5)
            if part == 1:
                # The process itself dies and comes back on the same port.
                service.kill()
                service.start()
                await service.until_ready()
            if part == 2:
                decided = await database.fetchval("select min(id) from fraudline.alerts where status = 'open'")
                await database.fetch("select fraudline.dispose_alert($1, 'fraud', null, 'eve')", decided)

        rows = await database.fetch("select id from fraudline.alerts where status = 'open' order by rank desc, id desc")
        stored = [str(row["id"]) for row in rows]
        assert len(stored) == 39

        async def shown() -> list[str]:
            found: list[str] = await page.eval_on_selector_all(".row", "rows => rows.map(row => row.dataset.alert)")
            return found

        await eventually(shown, until=lambda found: found == stored, within=30)
        await expect(page.locator("#open-count")).to_have_text("39")
        await expect(page.locator("#live")).to_have_text("live")


async def test_a_link_signs_in_once_and_a_stale_session_says_how_to_sign_in_again(
    alerts: AlertsAlone, database: Database, browser: Browser
) -> None:
    url = alerts.services[0].url
    (alert,) = await open_alerts(database, ["t-1"])
    token = await create_link(database, name="bob", role=Role.ANALYST)
    stranger = await (await browser.new_context()).new_page()
    await stranger.goto(url)
    await expect(stranger.get_by_text("fraudline sign-in").first).to_be_visible()
    await shoot(stranger, "sign-in")
    async with signed_in(browser, url, database) as page:
        await page.goto(f"{url}/alerts/{alert}")
        await page.get_by_label("Note").fill("a thought")
        await database.execute("update fraudline.sessions set ends_at = now()")
        await page.get_by_role("button", name="Fraud").click()
        await expect(page.locator("#fault")).to_contain_text("sign in", ignore_case=True)
        await expect(page.get_by_label("Note")).to_have_value("a thought")

    for page in (stranger,):
        await page.goto(f"{url}/sign-in?token={token}")
        await expect(page).to_have_url(f"{url}/")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_text("fraudline sign-in").first).to_be_visible()
        await page.goto(f"{url}/sign-in?token={token}")
        await expect(page.get_by_text("used already")).to_be_visible()
        await database.execute("update fraudline.sign_in_links set used_at = null, expires_at = now()")
        await page.goto(f"{url}/sign-in?token={token}")
        await expect(page.get_by_text("too old")).to_be_visible()
        await page.goto(f"{url}/sign-in?token=nonsense")
        await expect(page.get_by_text("not known here")).to_be_visible()
    assert await database.fetchval("select count(*) from fraudline.dispositions") == 0
    log = alerts.services[0].log.read_text()
    assert token not in log


async def test_another_site_can_neither_decide_nor_frame_nor_read(
    alerts: AlertsAlone, database: Database, browser: Browser
) -> None:
    (alert,) = await open_alerts(database, ["t-1"])
    url = alerts.services[0].url
    async with signed_in(browser, url, database) as page:
        cookies = {cookie["name"]: cookie for cookie in await page.context.cookies()}
        cookie = cookies["__Host-fraudline-session"]
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Lax", "/")
        path = f"{url}/v1/alerts/{alert}/disposition"
        headers = {"cookie": f"{cookie['name']}={cookie['value']}"}
        async with httpx2.AsyncClient(headers=headers) as client:
            for claimed in (
                {"origin": "https://evil.example"},
                {"sec-fetch-site": "cross-site"},
                {"sec-fetch-site": "same-site", "origin": url},
                {"origin": "null"},
                {},
            ):
                answer = await client.post(path, json={"disposition": "fraud"}, headers=claimed)
                assert (answer.status_code, answer.json()["code"]) == (403, "cross_site"), claimed
            shown = await client.get(url)
    assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]
    assert shown.headers["cache-control"] == "no-store"
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert await database.fetchval("select count(*) from fraudline.dispositions") == 0


async def test_hostile_text_is_shown_as_text_everywhere(
    alerts: AlertsAlone, database: Database, browser: Browser
) -> None:
    url = alerts.services[0].url
    fields: dict[str, Any] = {"card_id": HOSTILE, "merchant_id": HOSTILE}
    async with signed_in(browser, url, database, HOSTILE[:64]) as page:
        await expect(page.locator("#live")).to_have_text("live")
        # By the module, by the server, and in an alert of its own.
        (alert,) = await open_alerts(database, [HOSTILE], **fields)
        reason = '[{"code": "x", "text": "' + HOSTILE.replace('"', '\\"') + '", "contribution": 1}]'
        await database.execute("select fraudline.store_reasons($1, $2)", [HOSTILE], [reason])
        await expect(page.locator(".row")).to_contain_text("onerror")
        await expect(page.locator(".row .why")).to_contain_text("onerror")
        await page.reload()
        await expect(page.locator(".row .why")).to_contain_text("onerror")
        await database.fetch("select fraudline.dispose_alert($1, 'fraud', $2, $2)", alert, HOSTILE)
        await page.goto(f"{url}/alerts/{alert}")
        await expect(page.locator("[data-region=history]")).to_contain_text("onerror")
        assert await page.title() != "owned"
        assert await page.locator("img").count() == 0
        assert await page.locator("script:not([src])").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_status_page_shows_what_flows_and_every_part_s_health(
    system: System, database: Database, browser: Browser, scheme: Any
) -> None:
    await system.start(explainers=1, alerts=1)
    alerts = system.alerts[0]
    await post_all(system, [a_transaction(number, **FLAGGED) for number in range(1, 101)], Journal())
    await create_key(database, name="x", role=Role.ANALYST)
    async with signed_in(browser, alerts.url, database, color_scheme=scheme) as page:
        await page.goto(f"{alerts.url}/status")
        for name in ("ingest", "scorer", "explainer", "alerts"):
            await expect(page.locator("#board h3", has_text=name)).to_be_visible(timeout=15_000)
        assert await page.locator("svg").count() >= 4
        await shoot(page, f"status-{scheme}")

        # What dies is shown to be away, without a reload.
        system.scorers[0].kill()
        await expect(page.get_by_text("1 of 4 processes is not ready: scorer")).to_be_visible(timeout=15_000)
        await page.goto(f"{alerts.url}/")
        await expect(page.locator(".row").first).to_be_visible()
        await shoot(page, f"queue-{scheme}")
    await asyncio.to_thread(alerts.stop)
