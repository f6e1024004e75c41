"""A client that leaves while it waits."""

from typing import TYPE_CHECKING

from fraudline.web.begun import Begun

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive


class Leaving:
    """Calls `left` once the client is gone, until `close`: without a task, which would cost more than the wait."""

    def __init__(self, receive: "Receive", left: "Callable[[], object]") -> None:
        self._receive = receive
        self._left = left
        self._begun: Begun[Message]
        self._listen()

    def _listen(self) -> None:
        self._begun = Begun(self._receive())
        self._begun.when_done(self._note)

    def _note(self, message: "Message") -> None:
        if message["type"] == "http.disconnect":
            self._left()
        else:
            self._listen()

    def close(self) -> None:
        """Listen no longer."""
        self._begun.close()
