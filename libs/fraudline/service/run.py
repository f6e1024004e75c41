"""A service's life: settings → jobs → work → an orderly stop.

SIGTERM or SIGINT begin the stop: readiness goes first, then the jobs stop one by one, the last started first, so that
what a job leans on outlives it. The death of one job is the death of the service.

| exit code | means |
| --- | --- |
| 0 | stopped as asked |
| 1 | a job died; the log says which and why |
| 78 | a setting or file is wrong; one line on standard error says which |
"""

import asyncio
import gc
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

import uvloop
from prometheus_client import disable_created_metrics

from fraudline.errors import ConfigurationError, FraudlineError
from fraudline.service.log import LogEvent, configure_logging, get_logger
from fraudline.service.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping
    from typing import Any

    from fraudline.service.readiness import Readiness

    Job = Callable[[asyncio.Event], Coroutine[Any, Any, None]]

EXIT_DIED = 1
EXIT_CONFIGURATION = 78
STOP_SECONDS = 10.0
CANCEL_SECONDS = 2.0


class JobDied(FraudlineError):  # noqa: N818 - what happened, told as such
    """A job of the service ended although nobody had asked it to."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} ended unasked")
        self.name = name


async def supervise(
    jobs: "Mapping[str, Job]",
    *,
    stop: asyncio.Event,
    readiness: "Readiness",
    stop_seconds: float = STOP_SECONDS,
) -> None:
    """Run all jobs at once until `stop` is set or one of them ends, then stop the rest in reverse order.

    Each job is given an event of its own and returns soon after it is set; one that has not after `stop_seconds` is
    cancelled.

    Raises:
        JobDied: One of the jobs ended unasked.
        ConfigurationError: One of them ended with this error.
    """
    log = get_logger()
    events = {name: asyncio.Event() for name in jobs}
    tasks = {name: asyncio.create_task(job(events[name]), name=name) for name, job in jobs.items()}
    stopped = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({stopped, *tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
        readiness.begin_stop()
        ended_unasked = [name for name, task in tasks.items() if task.done() and not stop.is_set()]
        log.info(LogEvent.SERVICE_STOPPING, ended_unasked=ended_unasked)
        for name in reversed(tasks):
            events[name].set()
            if not await _ended(tasks[name], stop_seconds):
                log.warning(LogEvent.JOB_OVERDUE, job=name, seconds=stop_seconds)
                tasks[name].cancel()
                await _ended(tasks[name], CANCEL_SECONDS)
    finally:
        for task in (stopped, *tasks.values()):
            task.cancel()
        await asyncio.wait({stopped, *tasks.values()}, timeout=CANCEL_SECONDS)
    _report(tasks, ended_unasked)


async def _ended(task: asyncio.Task[None], seconds: float) -> bool:
    done, _ = await asyncio.wait({task}, timeout=seconds)
    return bool(done)


def _report(tasks: "Mapping[str, asyncio.Task[None]]", ended_unasked: list[str]) -> None:
    """Log what each job that failed died of; raise for those that ended unasked."""
    dead = list(ended_unasked)
    for name, task in tasks.items():
        error = task.exception() if task.done() and not task.cancelled() else None
        if isinstance(error, ConfigurationError):
            raise error
        if error is not None or name in ended_unasked:
            get_logger().error(LogEvent.JOB_DIED, job=name, exc_info=error)
        if error is not None and name not in dead:
            dead.append(name)
    if dead:
        raise JobDied(dead[0])


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Pause for so long, or until `stop` is set; return whether it is."""
    try:
        async with asyncio.timeout(seconds):
            return await stop.wait()
    except TimeoutError:
        return False


async def until_stopped(work: "Coroutine[Any, Any, None]", stop: asyncio.Event) -> None:
    """Run `work` until it ends, or cancel it once `stop` is set; what it raises is raised here.

    The body of a job that has nothing to finish when it is stopped.
    """
    working = asyncio.ensure_future(work)
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        stopping.cancel()
        working.cancel()
        await asyncio.wait({working, stopping})


def run(
    service: str,
    settings: type[Settings],
    main: "Callable[[Settings, asyncio.Event], Awaitable[None]]",
) -> NoReturn:
    """Be a service: read its settings, run `main` until it returns, and leave with the exit code that fits.

    `main` is given the settings and an event that is set by SIGTERM and SIGINT; it builds what the service is made of
    and hands its jobs to `supervise`.
    """
    try:
        loaded = load(settings)
        configure_logging(service, loaded.log_level)
        # A second series beside every counter and histogram would say when it began; process_start_time_seconds says
        # it of all of them.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no type for it
        # What is imported by now stays as long as the process: the collector need not look through it ever again.
        gc.collect()
        gc.freeze()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_stopped(main, loaded))
    except ConfigurationError as error:
        sys.stderr.write(f"fraudline {service}: {error}\n")
        sys.exit(EXIT_CONFIGURATION)
    except JobDied as error:
        get_logger().critical(LogEvent.SERVICE_DIED, job=error.name)
        sys.exit(EXIT_DIED)
    except Exception:  # noqa: BLE001 - the last place that can say what the service died of
        get_logger().critical(LogEvent.SERVICE_DIED, exc_info=True)
        sys.exit(EXIT_DIED)
    get_logger().info(LogEvent.SERVICE_STOPPED)
    sys.exit(0)


async def _until_stopped(
    main: "Callable[[Settings, asyncio.Event], Awaitable[None]]",
    settings: Settings,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await main(settings, stop)
