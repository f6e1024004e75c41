"""Finding servers' programs on this machine, and installing them where nobody has."""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from fraudline.local.errors import InstallFailedError
from fraudline.local.processes import plain_environment

Found = TypeVar("Found")

INSTALL_SECONDS = 900
QUERY_SECONDS = 30
LOCK_WAIT_SECONDS = 120

# Debian's and the vendor's packages, tarballs in /opt, Homebrew on both kinds of Mac and on Linux.
KNOWN_PLACES = (
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
    "/opt/rabbitmq*/sbin/rabbitmq-server",
    "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
    "/usr/local/opt/rabbitmq/sbin/rabbitmq-server",
    "/home/linuxbrew/.linuxbrew/opt/rabbitmq/sbin/rabbitmq-server",
)
EPMD_PLACES = (
    "/usr/bin/epmd",
    "/usr/lib/erlang/bin/epmd",
    "/usr/lib/erlang/erts-*/bin/epmd",
    "/usr/local/lib/erlang/bin/epmd",
    "/opt/homebrew/opt/erlang/bin/epmd",
    "/usr/local/opt/erlang/bin/epmd",
    "/home/linuxbrew/.linuxbrew/opt/erlang/bin/epmd",
)
POLICY = Path("/usr/sbin/policy-rc.d")
UNITS = Path("/lib/systemd/system")
DENY_ALL_SERVICES = """#!/bin/sh
# Put here by Fraudline while it installs packages, removed right after.
# Process: {pid}
exit 101
"""
# Two installations of one process would take the policy away under each other.
ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class RabbitMQPrograms:
    """What a node is started with."""

    script: Path
    epmd: Path


def say(line: str) -> None:
    """Tell the person at the terminal; standard output belongs to what the command was asked for."""
    sys.stderr.write(f"fraudline: {line}\n")
    sys.stderr.flush()


def find_rabbitmq() -> RabbitMQPrograms | None:
    """The programs of an installed RabbitMQ, the newest where there are several."""
    scripts = [path for pattern in KNOWN_PLACES for path in _matches(pattern)]
    on_path = shutil.which("rabbitmq-server")
    # What Debian has on the path is a wrapper, which changes to the account of the system's broker: not wanted.
    if on_path is not None and (script := Path(on_path).resolve()).name == "rabbitmq-server":
        scripts.append(script)
    epmd = _find_epmd()
    if not scripts or epmd is None:
        return None
    return RabbitMQPrograms(script=scripts[-1], epmd=epmd)


def can_apt() -> bool:
    """Whether apt is there and we may use it without being asked for a password."""
    return shutil.which("apt-get") is not None and (os.geteuid() == 0 or _can_sudo())


def can_brew() -> bool:
    """Whether Homebrew is there; it refuses to run as root."""
    return shutil.which("brew") is not None and os.geteuid() != 0


def bring(
    find: Callable[[], Found | None],
    *,
    packages: Sequence[str],
    formula: str,
    tell: Callable[[str], None] = say,
) -> tuple[Found | None, list[str]]:
    """Find a program, installing it first where it is missing: `packages` by apt, else `formula` by Homebrew.

    Returns what `find` found, or None with what was tried in vain.
    """
    try:
        with ONE_AT_A_TIME:
            remove_leftover_policy()
    except InstallFailedError as error:
        tell(f"an installation that was cut short left {POLICY} behind; remove it: {error}")
    ways: list[tuple[Callable[[], bool], Callable[[], None]]] = [
        (can_apt, lambda: install_by_apt(packages, tell)),
        (can_brew, lambda: install_by_brew(formula, tell)),
    ]
    tried: list[str] = []
    found = find()
    for can, do in ways:
        if found is None and can():
            try:
                do()
            except InstallFailedError as error:
                tried.append(str(error))
            found = find()
    return found, tried


def install_by_apt(packages: Sequence[str], tell: Callable[[str], None] = say) -> None:
    """Install Debian's packages with what they need, and leave no service running that nobody asked for."""
    tell(f"installing {' and '.join(packages)} by apt (no service of the system is started by it)")
    with ONE_AT_A_TIME:
        before = _units()
        with no_service_started():
            _apt_install(packages)
        _disable([unit for unit in _units() if unit not in before])


def install_by_brew(formula: str, tell: Callable[[str], None] = say) -> None:
    """Install what Homebrew has under this name; it starts no service unless asked."""
    tell(f"installing {formula} by Homebrew")
    _run(["brew", "install", formula])


def _apt_install(packages: Sequence[str]) -> None:
    lock = f"DPkg::Lock::Timeout={LOCK_WAIT_SECONDS}"
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", lock, *packages]
    try:
        _run(_as_root(install))
    except InstallFailedError:
        # The package lists of a fresh machine are empty or old: refreshed only when the first try shows it.
        _run(_as_root(["apt-get", "update", "-q", "-o", lock]))
        _run(_as_root(install))


@contextmanager
def no_service_started(policy: Path = POLICY) -> Iterator[None]:
    """Debian starts a package's service at its installation unless a policy says no; say no, unless there is a policy.

    Without this a second broker would take port 5672 on every interface with the guest user, and its own memory; a
    Prometheus of the system's would do the same with port 9090.
    """
    remove_leftover_policy(policy)
    if policy.exists() or policy.is_symlink():
        yield
        return
    deny = DENY_ALL_SERVICES.format(pid=os.getpid())
    _run(_as_root(["sh", "-c", 'printf "%s" "$1" > "$2" && chmod 755 "$2"', "sh", deny, str(policy)]))
    try:
        yield
    finally:
        _run(_as_root(["rm", "-f", str(policy)]))


def remove_leftover_policy(policy: Path = POLICY) -> None:
    """Remove the policy of an installation that was killed: it would keep every new service of the machine down."""
    try:
        text = policy.read_text()
    except (OSError, ValueError):
        return
    process = re.search(r"^# Process: ([0-9]+)$", text, re.MULTILINE)
    if process is None or text != DENY_ALL_SERVICES.format(pid=process[1]):
        return
    if int(process[1]) != os.getpid() and psutil.pid_exists(int(process[1])):
        return
    _run(_as_root(["rm", "-f", str(policy)]))


def _units(folder: Path = UNITS) -> list[str]:
    """The units of services that the machine has, however they start: by themselves, by a connection, by the clock."""
    kinds = {".service", ".socket", ".timer"}
    # A symbolic link is another name of a unit: systemctl takes the real one alone.
    return sorted(path.name for path in folder.glob("*") if path.suffix in kinds and not path.is_symlink())


def _disable(units: Sequence[str]) -> None:
    """Keep services that came with our installation from starting at the next boot."""
    if units and shutil.which("systemctl") is not None:
        _run(_as_root(["systemctl", "disable", *units]))


def _as_root(command: Sequence[str]) -> list[str]:
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", *command]
    return quiet if os.geteuid() == 0 else ["sudo", "-n", *quiet]


def _can_sudo() -> bool:
    if shutil.which("sudo") is None:
        return False
    return does_succeed(["sudo", "-n", "true"])


def does_succeed(command: Sequence[str]) -> bool:
    """Whether a command that only asks something ends well, and soon."""
    try:
        done = subprocess.run(  # noqa: S603 - the commands stand in this folder
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=QUERY_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _run(command: Sequence[str]) -> None:
    keep = {name: os.environ[name] for name in ("HOME", "http_proxy", "https_proxy", "no_proxy") if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - the commands stand in this file
            command,
            check=False,
            env=plain_environment(**keep),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=INSTALL_SECONDS,
            # Ctrl-C is for us: a package that is half installed is worse than a wait.
            process_group=0,
        )
    except subprocess.TimeoutExpired as error:
        message = f"`{' '.join(command)}` took longer than {INSTALL_SECONDS} s"
        raise InstallFailedError(message) from error
    if done.returncode != 0:
        end = "\n".join(done.stdout.decode(errors="replace").splitlines()[-15:])
        message = f"`{' '.join(command)}` failed with code {done.returncode}:\n{end}"
        raise InstallFailedError(message)


def _find_epmd() -> Path | None:
    on_path = shutil.which("epmd")
    if on_path is not None:
        return Path(on_path)
    found = [path for pattern in EPMD_PLACES for path in _matches(pattern)]
    return found[0] if found else None


def _matches(pattern: str) -> list[Path]:
    return sorted(Path("/").glob(pattern.removeprefix("/")))
