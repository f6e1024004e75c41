import asyncio

import pytest

from fraudline.errors import ConfigurationError
from fraudline.service.readiness import Readiness
from fraudline.service.run import JobDied, supervise, until_stopped


def job_that_stops(name: str, ended: list[str]) -> "object":
    async def job(stop: asyncio.Event) -> None:
        await stop.wait()
        ended.append(name)

    return job


async def test_jobs_stop_in_reverse_order_with_readiness_gone_first() -> None:
    ended: list[str] = []
    readiness = Readiness()
    stop, all_started = asyncio.Event(), asyncio.Event()

    async def last(stop: asyncio.Event) -> None:
        all_started.set()
        await stop.wait()
        assert not readiness.is_ready()
        ended.append("last")

    supervising = asyncio.create_task(
        supervise(
            {"first": job_that_stops("first", ended), "middle": job_that_stops("middle", ended), "last": last},  # type: ignore[dict-item] # made above
            stop=stop,
            readiness=readiness,
        )
    )
    async with asyncio.timeout(5):
        await all_started.wait()
    assert readiness.is_ready()
    stop.set()
    await supervising

    assert ended == ["last", "middle", "first"]


@pytest.mark.parametrize("error", [None, RuntimeError("broken")])
async def test_the_death_of_a_job_is_the_death_of_the_service(error: Exception | None) -> None:
    ended: list[str] = []
    readiness = Readiness()

    async def dying(_stop: asyncio.Event) -> None:
        if error is not None:
            raise error

    with pytest.raises(JobDied, match="dying"):
        await supervise(
            {"healthy": job_that_stops("healthy", ended), "dying": dying},  # type: ignore[dict-item] # made above
            stop=asyncio.Event(),
            readiness=readiness,
        )

    assert ended == ["healthy"]
    assert not readiness.is_ready()


async def test_a_job_that_finds_a_setting_wrong_says_so() -> None:
    async def misled(_stop: asyncio.Event) -> None:
        raise ConfigurationError("FRAUDLINE_MODEL", "is no folder")

    with pytest.raises(ConfigurationError, match="FRAUDLINE_MODEL"):
        await supervise({"misled": misled}, stop=asyncio.Event(), readiness=Readiness())


async def test_a_job_that_does_not_stop_is_cancelled() -> None:
    stop = asyncio.Event()
    stop.set()
    cancelled = asyncio.Event()

    async def deaf(_stop: asyncio.Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with asyncio.timeout(5):
        await supervise({"deaf": deaf}, stop=stop, readiness=Readiness(), stop_seconds=0.01)

    assert cancelled.is_set()


async def test_work_that_ends_before_the_stop_hands_its_error_on() -> None:
    async def failing() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await until_stopped(failing(), asyncio.Event())


def test_readiness_names_what_is_missing_and_why() -> None:
    readiness = Readiness()
    readiness.add("broker", lambda: "not connected yet")
    readiness.add("model", lambda: None)

    assert not readiness.is_ready()
    assert readiness.state() == {"broker": "not connected yet", "model": None}

    readiness.add("broker", lambda: None)
    assert readiness.is_ready()
    readiness.begin_stop()
    assert readiness.state()["stop"] == "the service is stopping"
