"""Waiting that was begun without a task: what is there already costs neither a task nor a deadline.

Most of what a request waits for is there when it asks: its body came in the same piece as its headers. So the first
step is taken by hand, and only what then has to wait is given a deadline, or a call to whoever wants to know.
"""

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Generator

Result = TypeVar("Result")


class Begun(Generic[Result]):
    """Something awaitable, taken as far as it goes without a wait: it is `done`, with its `result`, or waits.

    It may wait for plain futures alone, as `receive` of the server does: until somebody awaits this, there is no task
    that a deadline inside could cancel.
    """

    result: Result

    def __init__(self, awaitable: "Awaitable[Result]") -> None:
        self._steps = awaitable.__await__()
        self._waits_for: asyncio.Future[Any] | None = None
        self.done = False
        self._step()

    def _step(self) -> None:
        try:
            self._waits_for = next(self._steps)
        except StopIteration as ended:
            self.result = ended.value
            self.done = True

    def __await__(self) -> "Generator[Any, None, Result]":
        if self.done:
            return self.result
        try:
            yield self._waits_for
        except BaseException:
            self._steps.close()
            raise
        return (yield from self._steps)

    def when_done(self, call: "Callable[[Result], None]") -> None:
        """Have `call` told the result in a turn of the event loop, without a task; `close` ends that.

        A future that is cancelled meanwhile, as at the end of the loop, tells nobody.
        """
        if self.done:
            call(self.result)
            return

        def go_on(future: "asyncio.Future[Any]") -> None:
            if future is self._waits_for and not future.cancelled():
                self._step()
                self.when_done(call)

        if self._waits_for is not None:
            self._waits_for.add_done_callback(go_on)

    def close(self) -> None:
        """Wait no longer; nobody is told any more."""
        self._waits_for = None
        self._steps.close()
