"""How fast a file becomes stored verdicts, end to end, on this machine: broker, database, services and load together.

`python tests/bench/replay_rate.py` starts a system of its own in a temporary folder, replays the public two days (a
simulated file of the same size where they are not there), prints the rate and the peak memory of each service, and
fails where the stored verdicts do not agree with the file.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import psutil

from fraudline.cli.running import RunningSystem
from fraudline.models.histories.files import Mapping, read_history

FRAUDLINE = [sys.executable, "-m", "fraudline.cli.main"]
PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "handbook-two-days.csv"
START_SECONDS = 300.0
STOP_SECONDS = 60.0
REPLAY_SECONDS = 600.0
LOOK_SECONDS = 0.05

_COUNTS = """
select (select count(*) from fraudline.verdicts) as verdicts,
       (select count(*) from fraudline.verdicts where decision <> 'approve') as flagged,
       (select count(*) from fraudline.transactions) as transactions,
       (select last_position from fraudline.partitions where partition = 0) as last_position,
       (select count(*) from fraudline.dead_letters where state = 'open') as open_letters
"""


class DisagreementError(Exception):
    """What is stored is not what was posted."""


def say(line: str) -> None:
    """Print one line of the measurement."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Measure once; return the exit code."""
    place = Path(tempfile.mkdtemp(prefix="fraudline-bench-"))
    # Passable for the account that PostgreSQL runs under where we are root.
    place.chmod(0o711)
    up: subprocess.Popen[bytes] | None = None
    try:
        file, mapping = _file(place)
        environment = _environment(place / "state")
        with (place / "up.log").open("wb") as log:
            up = subprocess.Popen([*FRAUDLINE, "up"], env=environment, stdout=log, stderr=log)
        system, start_seconds = _wait_until_up(up, place)
        say(f"first start                {start_seconds:8.1f} s")
        _measure(system, file, mapping, environment)
    except DisagreementError as error:
        sys.stderr.write(f"replay_rate: {error}\n")
        return 1
    finally:
        if up is not None:
            up.terminate()
            try:
                up.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                up.kill()
        shutil.rmtree(place, ignore_errors=True)
    return 0


def _environment(state: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("FRAUDLINE_")}
    ports = ("INGEST", "INGEST_ADMIN", "SCORER_ADMIN", "EXPLAINER_ADMIN", "ALERTS", "ALERTS_ADMIN")
    return own | {f"FRAUDLINE_{name}_PORT": "0" for name in ports} | {"FRAUDLINE_STATE_DIR": str(state)}


def _file(place: Path) -> tuple[Path, Mapping]:
    if PUBLIC.exists():
        return PUBLIC, Mapping.HANDBOOK
    say(f"{PUBLIC.name} is not there; a simulated file of its size is replayed")
    file = place / "simulated.parquet"
    size = ("--days", "2", "--customers", "4900", "--merchants", "9800", "--start", "2026-01-01")
    subprocess.run([*FRAUDLINE, "simulate", "--output", str(file), *size], check=True, timeout=REPLAY_SECONDS)
    return file, Mapping.PLAIN


def _wait_until_up(up: subprocess.Popen[bytes], place: Path) -> tuple[RunningSystem, float]:
    started = time.monotonic()
    while time.monotonic() - started < START_SECONDS:
        if up.poll() is not None:
            break
        if (system := RunningSystem.read(place / "state")) is not None:
            return system, time.monotonic() - started
        time.sleep(LOOK_SECONDS)
    raise DisagreementError(f"the system did not come up:\n{(place / 'up.log').read_text()}")


def _measure(system: RunningSystem, file: Path, mapping: Mapping, environment: dict[str, str]) -> None:
    history = read_history(file, mapping)
    rows, distinct = len(history), history.frame["transaction_id"].n_unique()
    command = [*FRAUDLINE, "replay", str(file), "--mapping", mapping.value, "--fast"]
    for name in ("first replay", "the same file again"):
        replay = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        peaks = _peaks(system, replay)
        told = replay.communicate()[0].decode()
        if replay.returncode != 0:
            raise DisagreementError(f"the replay failed:\n{told}")
        rate = next(line for line in told.splitlines() if "scored in" in line).strip("│ ")
        say(f"{name:25}  {' '.join(rate.split())}")
        for service, peak in peaks.items():
            say(f"  peak of {service:16} {peak / 2**20:8.0f} MiB resident")
        counts = asyncio.run(_counts(system.database_url))
        say(f"  {rows:,} rows; " + ", ".join(f"{value:,} {label}" for label, value in counts.items()))
        wanted = {"verdicts": distinct, "transactions": distinct, "last_position": distinct, "open_letters": 0}
        if wrong := {label: counts[label] for label in wanted if counts[label] != wanted[label]}:
            raise DisagreementError(f"stored {wrong}, wanted {wanted}")
    audit = subprocess.run([*FRAUDLINE, "audit"], env=environment, capture_output=True, text=True, check=False)
    say(f"audit                      {audit.stdout.strip() or audit.stderr.strip()}")
    if audit.returncode != 0:
        raise DisagreementError("stored scores differ from those computed again")


def _peaks(system: RunningSystem, replay: "subprocess.Popen[bytes]") -> dict[str, int]:
    """Watch the services until the replay is done; the kernel knows each one's peak where it is Linux."""
    processes = {name: psutil.Process(pid) for name, pid in system.pids.items()}
    peaks = dict.fromkeys(processes, 0)
    give_up_at = time.monotonic() + REPLAY_SECONDS
    while replay.poll() is None and time.monotonic() < give_up_at:
        for name, process in processes.items():
            peaks[name] = max(peaks[name], process.memory_info().rss)
        time.sleep(LOOK_SECONDS)
    if replay.poll() is None:
        replay.kill()
    return peaks


async def _counts(database_url: str) -> dict[str, int]:
    connection = await asyncpg.connect(database_url)
    try:
        return dict(await connection.fetchrow(_COUNTS) or {})
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(main())
