"""What can go wrong with the servers on this machine, and what the reader can do about it.

LocalServerError
├── NoServerFoundError       nothing to run, and nothing could be installed: the ways out are in the message
├── InstallFailedError       apt or brew was asked and said no
├── FolderInUseError         another process runs the servers of this state folder
├── ServerDidNotStartError   it ended or was not ready in time: the end of its log is in the message
└── ServerDidNotStopError    it outlived even SIGKILL
"""


class LocalServerError(Exception):
    """A server of ours on this machine cannot be used; the message is written for the person at the terminal."""


class NoServerFoundError(LocalServerError):
    """Nothing on this machine can run the server, and nothing could be installed."""


class InstallFailedError(LocalServerError):
    """The package manager was asked for the server and refused."""


class FolderInUseError(LocalServerError):
    """Another living process has claimed the state folder."""


class ServerDidNotStartError(LocalServerError):
    """The server ended at once, or was not ready in time."""

    def __init__(self, server: str, reason: str, log_tail: str) -> None:
        self.server = server
        self.reason = reason
        self.log_tail = log_tail
        super().__init__(f"{server} {reason}. The end of its log:\n{log_tail or '(the log is empty)'}")


class ServerDidNotStopError(LocalServerError):
    """A process was sent SIGKILL and is still there."""
