"""The system that `up` runs from a state folder, as other commands find it.

`running.json` is written when everything answers and removed at the stop; one that a killed `up` left behind names a
process that is no more.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psutil

from fraudline.errors import ConfigurationError
from fraudline.local.processes import SAME_START_SECONDS, is_alive
from fraudline.local.state_folder import write_private

STATE_VARIABLE = "FRAUDLINE_STATE_DIR"
DATABASE_VARIABLE = "FRAUDLINE_DATABASE_URL"
ALERTS_VARIABLE = "FRAUDLINE_ALERTS_URL"
DEFAULT_STATE_FOLDER = ".fraudline"
FILE_NAME = "running.json"
# Path, query and fragment of an address that names a server and no page of it.
_ROOTS = {("", "", ""), ("/", "", "")}


def state_folder() -> Path:
    """Return the folder that `up` keeps everything in."""
    return Path(os.environ.get(STATE_VARIABLE) or DEFAULT_STATE_FOLDER).resolve()


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """Addresses, a key for the commands, process numbers; read by nobody but the owner of the state folder."""

    ingest_url: str
    alerts_url: str
    api_key: str
    database_url: str
    amqp_url: str
    model: str
    admin_urls: dict[str, str] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    pid: int = field(default_factory=os.getpid)
    started: float = field(default_factory=lambda: psutil.Process().create_time())

    def write(self, folder: Path) -> None:
        """Tell the other commands."""
        write_private(folder / FILE_NAME, json.dumps(asdict(self), indent=2))

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the system that runs from a folder; None where none does, whatever an earlier one left behind."""
        try:
            told: dict[str, Any] = json.loads((folder / FILE_NAME).read_text())
            found = cls(**told)
            process = psutil.Process(found.pid)
            is_same = abs(process.create_time() - found.started) < SAME_START_SECONDS
        except (FileNotFoundError, ValueError, TypeError, psutil.NoSuchProcess):
            return None
        except PermissionError as error:
            raise ConfigurationError(STATE_VARIABLE, f"{folder} belongs to another user") from error
        return found if is_same and is_alive(process) else None


def forget(folder: Path) -> None:
    """Take the word back: nothing runs from the folder any more."""
    (folder / FILE_NAME).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class IngestTarget:
    """Where transactions are posted, and with which key."""

    url: str
    api_key: str


def ingest_target() -> IngestTarget:
    """Return FRAUDLINE_URL and FRAUDLINE_API_KEY, or what stands in for them in the running system.

    Raises:
        ConfigurationError: Neither is there.
    """
    url, key = os.environ.get("FRAUDLINE_URL"), os.environ.get("FRAUDLINE_API_KEY")
    if url and not url.startswith(("http://", "https://")):
        raise ConfigurationError("FRAUDLINE_URL", "must start with http:// or https://")
    if url and key:
        return IngestTarget(url.rstrip("/"), key)
    if url:
        raise ConfigurationError(
            "FRAUDLINE_API_KEY",
            "is not set, but FRAUDLINE_URL is; make a key with `fraudline keys create --role ingest --name NAME`",
        )
    system = _running("FRAUDLINE_URL", "set it and FRAUDLINE_API_KEY to those of another system")
    return IngestTarget(system.ingest_url, key or system.api_key)


def given_alerts_url() -> str | None:
    """Return FRAUDLINE_ALERTS_URL; None where it is not set.

    Raises:
        ConfigurationError: It is no address of a web server.
    """
    url = os.environ.get(ALERTS_VARIABLE)
    if not url:
        return None
    try:
        address = urlsplit(url)
        # The page is all that its host serves: its cookie and its links begin at the root.
        is_server = address.scheme in {"http", "https"} and address.hostname and address[2:] in _ROOTS
    except ValueError:
        is_server = False
    if not is_server:
        raise ConfigurationError(ALERTS_VARIABLE, "must be an address like https://alerts.example.org")
    return url.rstrip("/")


def alerts_url() -> str:
    """Return where people reach the page of the system that `database_url` belongs to.

    Raises:
        ConfigurationError: FRAUDLINE_ALERTS_URL is not set, and the running system, if there is one, is another.
    """
    if url := given_alerts_url():
        return url
    database = os.environ.get(DATABASE_VARIABLE)
    if not database:
        return _running(ALERTS_VARIABLE, f"set it and {DATABASE_VARIABLE} to those of another system").alerts_url
    system = RunningSystem.read(state_folder())
    if system is None or system.database_url != database:
        raise ConfigurationError(
            ALERTS_VARIABLE, f"is not set, but {DATABASE_VARIABLE} is; set it to where people reach that system's page"
        )
    return system.alerts_url


def database_url() -> str:
    """Return FRAUDLINE_DATABASE_URL, or the database of the running system.

    Raises:
        ConfigurationError: Neither is there.
    """
    url = os.environ.get(DATABASE_VARIABLE)
    if not url:
        return _running(DATABASE_VARIABLE, "set it to postgresql://user:password@host:5432/database").database_url
    if not url.startswith(("postgresql://", "postgres://")):
        raise ConfigurationError(DATABASE_VARIABLE, "must start with postgresql://")
    return url


def amqp_url() -> str:
    """Return FRAUDLINE_AMQP_URL, or the broker of the running system.

    Raises:
        ConfigurationError: Neither is there.
    """
    variable = "FRAUDLINE_AMQP_URL"
    url = os.environ.get(variable)
    if not url:
        return _running(variable, "set it to amqp://user:password@host:5672/vhost").amqp_url
    if not url.startswith(("amqp://", "amqps://")):
        raise ConfigurationError(variable, "must start with amqp://")
    return url


def model_folder() -> Path:
    """Return FRAUDLINE_MODEL, or the bundle that the running system scores with.

    Raises:
        ConfigurationError: Neither is there.
    """
    model = os.environ.get("FRAUDLINE_MODEL")
    return Path(model or _running("FRAUDLINE_MODEL", "set it to the folder of a model bundle").model)


def _running(variable: str, way_out: str) -> RunningSystem:
    folder = state_folder()
    system = RunningSystem.read(folder)
    if system is None:
        raise ConfigurationError(
            variable, f"is not set, and no system runs from {folder}; start one with `fraudline up`, or {way_out}"
        )
    return system
