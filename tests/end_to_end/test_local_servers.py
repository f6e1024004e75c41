"""The private RabbitMQ and PostgreSQL as a person would have them: durable, alone on loopback, gone when stopped."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aio_pika
import asyncpg
import psutil
import pytest

from fraudline.local.broker import private_broker
from fraudline.local.errors import FolderInUseError, ServerDidNotStartError
from fraudline.local.postgres import Postgres
from fraudline.local.postgres_place import wheel_folder
from fraudline.local.processes import is_alive
from fraudline.local.rabbitmq import RabbitMQ
from fraudline.local.rabbitmq_node import VIRTUAL_HOST
from servers.broker_view import BrokerView, ready_messages
from servers.eventually import eventually, eventually_sync
from servers.fixtures import TestRunServers
from servers.quorum import kill

QUEUE = "kept"
QUORUM = {"x-queue-type": "quorum"}
FAST = {"fsync": "off"}


@pytest.fixture(scope="module")
def own_node(test_run_servers: TestRunServers) -> Iterator[RabbitMQ]:
    """A second node beside the run's one."""
    node = private_broker(test_run_servers.folder / "second-rabbitmq")
    assert isinstance(node, RabbitMQ)
    yield node
    node.stop()


@pytest.fixture
def node(own_node: RabbitMQ) -> RabbitMQ:
    """The second node, up again where the test before has ended it."""
    own_node.start()
    return own_node


@pytest.fixture(scope="module")
def own_server(test_run_servers: TestRunServers) -> Iterator[Postgres]:
    """A PostgreSQL beside the run's one, with the durability that a user gets."""
    server = Postgres(test_run_servers.folder / "second-postgres")
    yield server
    server.remove()


@pytest.fixture
def server(own_server: Postgres) -> Postgres:
    """The second PostgreSQL, up again where the test before has ended it."""
    own_server.start()
    return own_server


async def publish(url: str, body: bytes) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        await channel.declare_queue(QUEUE, durable=True, arguments=QUORUM)
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, QUEUE, mandatory=True)


async def take(url: str) -> bytes:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(QUEUE, passive=True)
        message = await eventually(lambda: queue.get(fail=False), until=lambda found: found is not None)
        assert message is not None
        await message.ack()
        return message.body


def connections_of(pids: list[int], kind: str) -> list[Any]:
    found = []
    for pid in pids:
        # The backend of a statement that is over may be gone by now.
        with contextlib.suppress(psutil.NoSuchProcess):
            found += psutil.Process(pid).net_connections(kind)
    return found


def listening_addresses(pids: list[int]) -> set[str]:
    connections = connections_of(pids, "inet")
    return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}


def alive(pids: list[int]) -> list[int]:
    return [process.pid for process in psutil.process_iter() if process.pid in pids and is_alive(process)]


def test_a_node_listens_on_the_loopback_interface_alone(node: RabbitMQ) -> None:
    assert listening_addresses(node.pids) <= {"127.0.0.1", "::1"}


async def test_a_confirmed_message_survives_the_nodes_kill(node: RabbitMQ) -> None:
    url = node.url
    await publish(url, b"confirmed")

    await kill(node, [f"{VIRTUAL_HOST}_{QUEUE}"])
    assert not node.is_running
    await asyncio.to_thread(node.start)

    assert node.url == url
    assert await take(url) == b"confirmed"


async def test_two_nodes_side_by_side_know_nothing_of_each_other(node: RabbitMQ, amqp_url: str) -> None:
    await publish(amqp_url, b"for the first")
    await publish(node.url, b"for the second")

    assert await take(amqp_url) == b"for the first"
    assert await take(node.url) == b"for the second"
    assert await ready_messages(node.url, QUEUE) == 0


async def test_a_paused_node_answers_nobody_until_it_goes_on(node: RabbitMQ) -> None:
    node.pause()
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await aio_pika.connect(node.url)
    finally:
        node.resume()

    connection = await aio_pika.connect(node.url)
    await connection.close()


def test_a_folder_in_use_is_refused_with_the_process_that_uses_it(node: RabbitMQ) -> None:
    second = private_broker(node.folder)

    with pytest.raises(FolderInUseError, match=f"in use by process {os.getpid()}"):
        second.start()


def test_a_stopped_node_leaves_no_process_behind(node: RabbitMQ) -> None:
    pids = node.pids
    assert {"epmd", "beam.smp"} <= {psutil.Process(pid).name() for pid in pids}

    node.stop()

    eventually_sync(lambda: alive(pids), until=lambda left: left == [], within=5)


async def test_the_view_of_the_broker_tells_messages_and_takes_a_binding_away(
    amqp_url: str, broker_view: BrokerView
) -> None:
    await publish(amqp_url, b"one")
    await publish(amqp_url, b"two")
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange("events", "direct", durable=True)
        queue = await channel.declare_queue(QUEUE, passive=True)
        await queue.bind(exchange, "0")

        await eventually(broker_view.messages, until=lambda messages: messages == {QUEUE: 2})
        assert ("events", "0") in broker_view.bindings(QUEUE)
        broker_view.delete_binding("events", QUEUE, "0")

    assert ("events", "0") not in broker_view.bindings(QUEUE)


def test_a_server_listens_on_the_loopback_interface_alone(server: Postgres) -> None:
    assert listening_addresses(server.pids) == {"127.0.0.1"}
    assert not [socket for socket in connections_of(server.pids, "unix") if ".s.PGSQL" in str(socket.laddr)]


async def test_nobody_gets_in_without_the_password(server: Postgres) -> None:
    wrong = server.url().replace(server.url().split(":")[2].split("@")[0], "guess")

    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)

    assert (server.folder / "password").stat().st_mode & 0o077 == 0


async def test_a_committed_row_survives_the_servers_kill(server: Postgres) -> None:
    url = server.url()
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept (word text)")
    await connection.execute("INSERT INTO kept VALUES ('committed')")
    pids = server.pids

    await asyncio.to_thread(server.kill)
    connection.terminate()
    assert alive(pids) == []
    await asyncio.to_thread(server.start)

    assert server.url() == url
    assert server.execute("SELECT word FROM kept") == "committed"


def test_a_server_comes_back_with_its_data_in_a_new_process_of_ours(server: Postgres) -> None:
    server.execute("CREATE TABLE of_an_earlier_run AS SELECT 1 AS number")
    url = server.url()
    server.stop()

    with Postgres(server.folder) as again:
        assert again.url() == url
        assert again.execute("SELECT number FROM of_an_earlier_run") == "1"


def test_a_pid_file_whose_number_is_another_process_is_no_hindrance(server: Postgres) -> None:
    server.kill()
    path = server.folder / "data" / "postmaster.pid"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(["1", *lines[1:]]) + "\n")

    server.start()

    assert server.execute("SELECT 1") == "1"


async def test_a_paused_server_answers_nobody_until_it_goes_on(server: Postgres) -> None:
    connection = await asyncpg.connect(server.url())
    server.pause()
    query = asyncio.ensure_future(connection.fetchval("SELECT 1"))
    done, _ = await asyncio.wait([query], timeout=0.3)
    assert not done

    server.resume()

    assert await asyncio.wait_for(query, 5) == 1
    await connection.close()


def test_a_paused_server_can_be_stopped(server: Postgres) -> None:
    pids = server.pids
    server.pause()

    server.stop()

    assert alive(pids) == []


def test_a_server_that_cannot_start_says_why_by_its_log(server: Postgres) -> None:
    server.stop()
    broken = Postgres(server.folder, settings={"shared_buffers": "many"})

    with pytest.raises(ServerDidNotStartError, match='invalid value for parameter "shared_buffers": "many"'):
        broken.start()

    # The folder is free again.
    server.start()


def test_servers_die_with_the_process_that_started_them_and_their_folder_starts_again(server: Postgres) -> None:
    server.execute("CREATE TABLE of_the_dead AS SELECT 1 AS number")
    server.stop()
    program = (
        "import sys, json, time\nfrom pathlib import Path\nfrom fraudline.local.postgres import Postgres\n"
        "server = Postgres(Path(sys.argv[1]))\nserver.start()\nprint(json.dumps(server.pids), flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(server.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None
        pids = json.loads(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    if sys.platform == "linux":
        eventually_sync(lambda: alive(pids), until=lambda left: left == [], within=5)

    server.start()

    assert server.execute("SELECT number FROM of_the_dead") == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL runs under another account for root alone")
def test_root_needs_no_door_widened_for_the_account_of_the_server() -> None:
    closed = Path(tempfile.mkdtemp(prefix="fraudline-closed-"))
    elsewhere = Path(tempfile.mkdtemp(prefix="fraudline-elsewhere-"))
    elsewhere.chmod(0o711)
    wheel = wheel_folder()
    try:
        # Given programs and a state folder that only root can reach,
        behind = closed / "site-packages" / wheel.name
        behind.parent.mkdir()
        behind.symlink_to(wheel)
        behind.with_name(f"{wheel.name}.libs").symlink_to(wheel.with_name(f"{wheel.name}.libs"))
        server = Postgres(closed / "state", settings=FAST, wheel=behind, elsewhere=elsewhere)

        # when a server runs from them twice,
        server.start()
        server.execute("CREATE TABLE kept AS SELECT 1 AS number")
        user = psutil.Process(server.pid).uids().effective
        server.stop()
        server.start()

        # then it does so without root's rights, with its data kept, and no door was touched.
        assert user != 0
        assert server.execute("SELECT number FROM kept") == "1"
        assert closed.stat().st_mode & 0o777 == 0o700
        assert not (closed / "state" / "data").exists()

        # And a state folder that was removed begins anew, without the data elsewhere.
        server.stop()
        shutil.rmtree(closed / "state")
        anew = Postgres(closed / "state", settings=FAST, wheel=behind, elsewhere=elsewhere)
        anew.start()
        assert anew.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'kept'") == "0"
        anew.remove()
        assert [path.name for path in elsewhere.iterdir() if path.name.startswith("postgres-")] == []
    finally:
        shutil.rmtree(closed)
        shutil.rmtree(elsewhere)
