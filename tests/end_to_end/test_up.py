"""`fraudline up` as a new user meets it: two printed lines that work, deaths mended, a stop that keeps everything."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from fraudline.local.processes import is_alive
from servers.eventually import eventually_sync

FRAUDLINE = [sys.executable, "-m", "fraudline.cli.main"]
START_SECONDS = 120.0
STOP_SECONDS = 60.0


class Up:
    """One `fraudline up` over a state folder, on ports that it chooses itself."""

    def __init__(self, folder: Path, model: Path, *options: str) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith("FRAUDLINE_")}
        ports = ("INGEST_PORT", "INGEST_ADMIN_PORT", "SCORER_ADMIN_PORT")
        self.folder = folder
        self.environment = own | {f"FRAUDLINE_{name}": "0" for name in ports}
        self.environment |= {"FRAUDLINE_STATE_DIR": str(folder), "FRAUDLINE_MODEL": str(model)}
        self._output = folder.with_name(f"{folder.name}.output")
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*FRAUDLINE, "up", *options], env=self.environment, stdout=output, stderr=output
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def until_it_says(self, words: str, *, within: float = START_SECONDS) -> None:
        def has_said() -> str:
            assert self.process.poll() is None, self.output
            return self.output

        eventually_sync(has_said, within=within, until=lambda said: words in said, despite=())

    @property
    def curl_lines(self) -> list[str]:
        return [line for line in self.output.splitlines() if line.startswith("curl ")]

    @property
    def word(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "running.json").read_text())
        return found

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command beside it."""
        return subprocess.run(
            [*FRAUDLINE, *arguments],
            env={name: value for name, value in self.environment.items() if name != "FRAUDLINE_MODEL"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A state folder that the account of PostgreSQL can enter, unlike pytest's own."""
    place = Path(tempfile.mkdtemp(prefix="fraudline-up-"))
    place.chmod(0o711)
    yield place / "state"
    shutil.rmtree(place, ignore_errors=True)


def run_line(line: str) -> dict[str, Any]:
    """Run a printed line as a shell would; where there is no curl, do what it says."""
    if shutil.which("curl"):
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, timeout=20)
        text = done.stdout
    else:
        words = shlex.split(line)
        headers = dict(re.split(r": *", words[at + 1], maxsplit=1) for at, word in enumerate(words) if word == "-H")
        url = next(word for word in words if word.startswith("http"))
        body = words[words.index("-d") + 1] if "-d" in words else None
        text = httpx2.request("POST" if body else "GET", url, headers=headers, content=body, timeout=20).text
    answer: dict[str, Any] = json.loads(text)
    return answer


def verdict_of(read_line: str) -> dict[str, Any]:
    found = eventually_sync(lambda: run_line(read_line), until=lambda answer: "verdict" in answer, within=30)
    verdict: dict[str, Any] = found["verdict"]
    return verdict


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if is_alive(process)]


def kill_the_scorer(up: Up) -> None:
    """Kill it as a crash would, and wait until the supervisor has another."""
    scorer = up.word["pids"]["scorer"]
    os.kill(scorer, signal.SIGKILL)
    up.until_it_says("scorer runs again", within=30)
    eventually_sync(lambda: up.word["pids"]["scorer"], until=lambda pid: pid != scorer)


def the_other_commands_work_beside_it(up: Up) -> None:
    made = up.call("keys", "create", "--role", "ingest", "--name", "shop")
    assert re.fullmatch(r"flk_\w{40}\n", made.stdout), made.stderr
    listed = up.call("keys", "list").stdout
    assert made.stdout[:12] in listed
    assert made.stdout.strip() not in listed
    audited = up.call("audit")
    assert "2 scores compared, 0 differ" in audited.stdout, audited.stderr
    assert "no open dead letter" in up.call("dead", "list").stdout


@pytest.mark.timeout(400)
def test_the_first_steps_of_a_new_user_and_what_is_left_after_a_stop(folder: Path, starter_model: Path) -> None:
    up = Up(folder, starter_model)
    try:
        up.until_it_says("Ctrl-C stops everything")
        post_line, read_line = up.curl_lines
        assert run_line(post_line) == {"transaction_id": "first-transaction", "status": "accepted"}
        first = verdict_of(read_line)

        refused = up.call("up")
        assert refused.returncode == 1
        assert "is in use by process" in refused.stderr
        kill_the_scorer(up)
        assert run_line(post_line.replace("first-transaction", "second-transaction"))["status"] == "accepted"
        second = verdict_of(read_line.replace("first-transaction", "second-transaction"))
        the_other_commands_work_beside_it(up)

        children = psutil.Process(up.process.pid).children(recursive=True)
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(STOP_SECONDS) == 0, up.output
        assert not (folder / "running.json").exists()
        assert not living(children)
    finally:
        up.end()
    assert up.call("dead", "list").returncode == 78

    again = Up(folder, starter_model)
    try:
        again.until_it_says("Ctrl-C stops everything")
        read_again = again.curl_lines[1]
        assert read_again.split("-H")[1] == read_line.split("-H")[1], "another key than at the first start"
        assert verdict_of(read_again) == first
        assert verdict_of(read_again.replace("first-transaction", "second-transaction")) == second
        # Posted word for word once more: the same transaction told twice.
        assert run_line(again.curl_lines[0])["status"] == "accepted"

        children = psutil.Process(again.process.pid).children(recursive=True)
        again.process.kill()
        again.process.wait()
        if sys.platform == "linux":
            eventually_sync(lambda: living(children), until=lambda left: not left, within=20)
        # What the kill left behind names no living system.
        assert (folder / "running.json").exists()
        assert again.call("dead", "list").returncode == 78
    finally:
        again.end()


def test_a_port_that_is_taken_is_told_before_anything_is_started(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        refused = subprocess.run(
            [*FRAUDLINE, "up"],
            env=os.environ | {"FRAUDLINE_INGEST_PORT": port, "FRAUDLINE_STATE_DIR": str(folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert refused.returncode == 78
    assert f"FRAUDLINE_INGEST_PORT: port {port} is taken" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (folder / "rabbitmq").exists()
