"""What makes a RabbitMQ node private: a name, a user, a cookie and ports of its own, written into its state folder."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from fraudline.local.ports import LOOPBACK, free_port
from fraudline.local.processes import plain_environment
from fraudline.local.state_folder import write_private

VIRTUAL_HOST = "fraudline"
# RabbitMQ's own default of 50 MB lets a full disk leave the node half dead.
MIN_FREE_DISK_BYTES = 1_000_000_000
MAX_MEMORY_BYTES = 1_000_000_000
# The log of all quorum queues together. It is held in memory until it rolls over, half a gigabyte by default.
MAX_WAL_BYTES = 128 * 1024 * 1024
HEARTBEAT_SECONDS = 30
MAX_SCHEDULERS = 4
FRESH_MILLISECONDS = 500


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same from start to start of one state folder; the data are bound to it."""

    node: str
    user: str
    password: str
    cookie: str

    @classmethod
    def of(cls, folder: Path) -> Self:
        """The identity in the folder, made up at the first start."""
        path = folder / "identity.json"
        if path.exists():
            return cls(**json.loads(path.read_text()))
        made = cls(
            node=f"fraudline-{secrets.token_hex(6)}@localhost",
            user="fraudline",
            password=secrets.token_hex(24),
            cookie=secrets.token_hex(32),
        )
        write_private(path, json.dumps(asdict(made)))
        return made


@dataclass(frozen=True, slots=True)
class Ports:
    """The node's ports, all on the loopback interface."""

    amqp: int
    distribution: int
    epmd: int
    management: int

    @classmethod
    def of(cls, folder: Path) -> Self:
        """The ports of the last start as far as they are free, so that a restart keeps its URL."""
        path = folder / "ports.json"
        last = json.loads(path.read_text()) if path.exists() else {}
        chosen: dict[str, int] = {}
        for name in ("amqp", "distribution", "epmd", "management"):
            chosen[name] = free_port(last.get(name), taken=chosen.values())
        write_private(path, json.dumps(chosen))
        return cls(**chosen)


def write_configuration(folder: Path, identity: Identity, ports: Ports, *, management: bool) -> None:
    """Write all that the node reads at its start; nothing under /etc takes part."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    home.chmod(0o700)
    cookie = home / ".erlang.cookie"
    if not cookie.exists() or cookie.read_text() != identity.cookie:
        write_private(cookie, identity.cookie)
    lines = [
        f"listeners.tcp.1 = {LOOPBACK}:{ports.amqp}",
        # Made at the first start alone. With a user of our own RabbitMQ makes no guest.
        f"default_user = {identity.user}",
        f"default_pass = {identity.password}",
        f"default_vhost = {VIRTUAL_HOST}",
        *bounds(management=management),
        "log.file.level = warning",
        "log.console = false",
    ]
    if management:
        lines += [
            f"management.tcp.ip = {LOOPBACK}",
            f"management.tcp.port = {ports.management}",
        ]
    write_private(folder / "rabbitmq.conf", "\n".join(lines) + "\n")
    plugins = "[rabbitmq_management]." if management else "[]."
    (folder / "enabled_plugins").write_text(plugins + "\n")


def bounds(*, management: bool) -> list[str]:
    """The lines of configuration that a node of ours has wherever it runs."""
    lines = [
        f"disk_free_limit.absolute = {MIN_FREE_DISK_BYTES}",
        f"vm_memory_high_watermark.absolute = {MAX_MEMORY_BYTES}",
        f"raft.wal_max_size_bytes = {MAX_WAL_BYTES}",
        f"heartbeat = {HEARTBEAT_SECONDS}",
    ]
    return [*lines, f"collect_statistics_interval = {FRESH_MILLISECONDS}"] if management else lines


def erlang_machine(*, management: bool) -> dict[str, str]:
    """What a node of ours is told about the Erlang machine that it runs on, wherever that is."""
    schedulers = min(MAX_SCHEDULERS, os.cpu_count() or 1)
    # Who looks through the management API wants to see what is, not what was five seconds ago.
    fresh = f" -rabbit quorum_tick_interval {FRESH_MILLISECONDS}" if management else ""
    return {
        # A crash dump would hold message bodies.
        "ERL_CRASH_DUMP_SECONDS": "0",
        # Not bound to cores: other servers and our services share them.
        "RABBITMQ_SCHEDULER_BIND_TYPE": "u",
        # A connection takes about ten; the default of a million costs 15 MB of tables.
        "RABBITMQ_MAX_NUMBER_OF_PROCESSES": "65536",
        # No busy waiting and few schedulers: an idle node should cost nothing.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            f"+S {schedulers}:{schedulers} +sbwt none +sbwtdcpu none +sbwtdio none{fresh}"
        ),
    }


def environment(folder: Path, identity: Identity, ports: Ports, *, management: bool) -> dict[str, str]:
    """What the node and its epmd see: this folder and these ports, nothing of the machine's own broker."""
    machine = erlang_machine(management=management)
    own_arguments = "-noinput -start_epmd false"
    machine["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = f"{own_arguments} {machine['RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS']}"
    return plain_environment(
        **machine,
        HOME=str(folder / "home"),
        ERL_EPMD_PORT=str(ports.epmd),
        ERL_EPMD_ADDRESS=LOOPBACK,
        # Erlang's distribution listens everywhere unless told; every helper that the scripts start reads this too.
        ERL_FLAGS="-kernel inet_dist_use_interface {127,0,0,1}",
        RABBITMQ_NODENAME=identity.node,
        RABBITMQ_DIST_PORT=str(ports.distribution),
        RABBITMQ_CONFIG_FILE=str(folder / "rabbitmq.conf"),
        RABBITMQ_ADVANCED_CONFIG_FILE=str(folder / "none.config"),
        RABBITMQ_CONF_ENV_FILE=str(folder / "none.conf"),
        RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "enabled_plugins"),
        RABBITMQ_MNESIA_BASE=str(folder / "data"),
        RABBITMQ_MNESIA_DIR=str(folder / "data" / "node"),
        RABBITMQ_FEATURE_FLAGS_FILE=str(folder / "data" / "feature_flags"),
        RABBITMQ_LOG_BASE=str(folder),
        RABBITMQ_LOGS=str(folder / "rabbitmq.log"),
        RABBITMQ_PID_FILE=str(folder / "rabbitmq.pid"),
        # Lets the script become the Erlang machine instead of watching over it, so that the child we know is the node.
        RABBITMQ_ALLOW_INPUT="true",
    )
