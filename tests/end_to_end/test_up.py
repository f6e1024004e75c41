"""`fraudline up` as a new user meets it: a link and lines that work, deaths mended, a stop that keeps everything."""

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
from urllib.parse import urljoin

import httpx2
import psutil
import pytest

from fraudline.cli.services import SERVICES, Service
from fraudline.cli.sign_in import own_name
from fraudline.local.processes import is_alive
from servers.eventually import eventually_sync
from system import services

FRAUDLINE = [sys.executable, "-m", "fraudline.cli.main"]
START_SECONDS = 120.0
STOP_SECONDS = 60.0


class Up:
    """One `fraudline up` over a state folder, on ports that it chooses itself."""

    def __init__(self, folder: Path, model: Path, *options: str) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith("FRAUDLINE_")}
        ports = [address.port_variable for service in SERVICES for address in service.addresses]
        self.folder = folder
        self.environment = own | dict.fromkeys(ports, "0")
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
    def link(self) -> str:
        """The link to the page, the first that a newcomer reads."""
        (link,) = re.findall(r"^  open the page: (http://\S+)", self.output, re.MULTILINE)
        assert isinstance(link, str)
        return link

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
    """Return the verdict once it is whole: the reasons follow it."""

    def is_whole(answer: dict[str, Any]) -> bool:
        return "verdict" in answer and answer["verdict"]["reasons_status"] == "ready"

    found = eventually_sync(lambda: run_line(read_line), until=is_whole, within=30)
    verdict: dict[str, Any] = found["verdict"]
    return verdict


def sign_in(link: str) -> httpx2.Response:
    """Open a link as a browser would; return the page that it leads to, or what is said where it leads nowhere."""
    taken = httpx2.get(link, timeout=20, trust_env=False)
    if not taken.has_redirect_location:
        assert "set-cookie" not in taken.headers
        return taken
    cookie, *attributes = taken.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "Secure", "Path=/"} <= set(attributes)
    # By hand: the client, unlike browsers, trusts no loopback with a secure cookie.
    page = urljoin(link, taken.headers["location"])
    return httpx2.get(page, headers={"cookie": cookie}, timeout=20, trust_env=False)


def the_printed_link_signs_in_once(up: Up) -> None:
    assert up.link.startswith(f"{up.word['alerts_url']}/sign-in?token=")
    page = sign_in(up.link)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert own_name() in page.text
    refused = sign_in(up.link)
    assert refused.status_code == 410
    assert "used" in refused.text

    another = up.call("sign-in", "--name", "Ada Lovelace", "--role", "lead")
    assert "Ada Lovelace" in sign_in(another.stdout.strip()).text, another.stderr


def alerts_of(up: Up, key: str) -> list[dict[str, Any]]:
    answer = httpx2.get(f"{up.word['alerts_url']}/v1/alerts", headers=bearer(key), timeout=20, trust_env=False)
    found: list[dict[str, Any]] = answer.raise_for_status().json()["alerts"]
    return found


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


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
    # It opens at once: a key that is not known yet gets 401.
    nothing = f"{up.word['ingest_url']}/v1/transactions/none"
    assert httpx2.get(nothing, headers=bearer(made.stdout.strip()), trust_env=False).status_code == 404
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
        the_printed_link_signs_in_once(up)

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
        assert own_name() in sign_in(again.link).text
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


@pytest.mark.timeout(400)
def test_the_demo_brings_alerts_with_reasons_and_an_open_page_holds_up_no_stop(
    folder: Path, starter_model: Path
) -> None:
    up = Up(folder, starter_model, "--demo")
    try:
        up.until_it_says("the first verdict is stored")
        key = up.call("keys", "create", "--role", "analyst", "--name", "reader").stdout.strip()

        def first_alert() -> dict[str, Any]:
            return next((alert for alert in alerts_of(up, key) if alert["reasons_status"] == "ready"), {})

        alert = eventually_sync(first_alert, within=120, despite=(httpx2.HTTPStatusError,))
        assert alert["status"] == "open"
        assert all(reason["text"] for reason in alert["reasons"])
        up.until_it_says("alerts are open")

        stream = f"{up.word['alerts_url']}/v1/alerts/stream"
        with httpx2.stream("GET", stream, headers=bearer(key), timeout=20, trust_env=False) as reading:
            assert reading.status_code == 200
            assert next(reading.iter_lines())
            up.process.send_signal(signal.SIGINT)
            assert up.process.wait(STOP_SECONDS) == 0, up.output
        assert "did not stop in order" not in up.output
        assert "job_overdue" not in (folder / "logs" / "alerts.log").read_text()
    finally:
        up.end()


@pytest.mark.parametrize(
    "kind", [service for service in SERVICES if not service.needs_broker], ids=lambda kind: str(kind.name)
)
async def test_what_is_started_while_the_broker_boots_is_ready_without_one(
    tmp_path: Path, kind: Service, database_url: str, starter_model: Path, unused_tcp_port: int
) -> None:
    service = services.Service(
        kind.module,
        {
            "FRAUDLINE_AMQP_URL": "amqp://nobody.invalid",
            "FRAUDLINE_DATABASE_URL": database_url,
            "FRAUDLINE_MODEL": str(starter_model),
            "FRAUDLINE_STATE_DIR": str(tmp_path),
            kind.admin.port_variable: str(unused_tcp_port),
        },
        unused_tcp_port,
        tmp_path / "log",
    )
    service.start()
    try:
        await service.until_ready()
    finally:
        assert service.stop() == 0, service.log.read_text()


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
