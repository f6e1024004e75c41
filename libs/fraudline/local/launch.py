"""Becomes another program, after arranging that it cannot outlive the process that asked for it.

Run as a script, in a process of its own: between fork and exec of a process with many threads only this way is safe.
It needs nothing but the standard library, since it runs without site-packages.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Take parent, signal, account and command from the arguments and become the command."""
    parent, death_signal, user, group, *command = arguments
    # A core dump would hold whatever the server held, card tokens included.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if user != "-":
        os.setgroups([])
        os.setgid(int(group))
        os.setuid(int(user))
    if sys.platform == "linux":
        # After the change of account, which clears it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != int(parent):
            # The parent died before the call above: its death will not be told any more.
            os.kill(os.getpid(), signal.SIGKILL)
    os.umask(0o077)
    os.execvp(command[0], command)  # noqa: S606 - to become the command, without a shell between, is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
