"""A broker of our own by whatever this machine offers, for those who gave us no FRAUDLINE_AMQP_URL."""

import shutil
from collections.abc import Callable
from pathlib import Path

from fraudline.local import install
from fraudline.local.container import RabbitMQContainer
from fraudline.local.errors import NoServerFoundError
from fraudline.local.rabbitmq import RabbitMQ

WAYS_OUT = """RabbitMQ is needed, and this machine has none that Fraudline could start. Ways out:
  install it (Debian, Ubuntu: sudo apt-get install rabbitmq-server; macOS: brew install rabbitmq), or
  start podman or docker, in which Fraudline runs it by itself, or
  set FRAUDLINE_AMQP_URL to a RabbitMQ of yours, for example amqp://user:password@host:5672/fraudline.
Then run the same command again."""


def private_broker(
    folder: Path, *, management: bool = False, tell: Callable[[str], None] = install.say
) -> RabbitMQ | RabbitMQContainer:
    """A broker over the state folder, not started yet: an installed one, one installed now, or one in a container."""
    programs, tried = install.bring(install.find_rabbitmq, packages=["rabbitmq-server"], formula="rabbitmq", tell=tell)
    if programs is not None:
        return RabbitMQ(folder, script=programs.script, epmd=programs.epmd, management=management)
    for engine in ("podman", "docker"):
        # The command alone proves little: docker's is often there without its engine.
        if shutil.which(engine) is not None and install.does_succeed([engine, "info"]):
            tell(f"running RabbitMQ in a container of {engine}")
            return RabbitMQContainer(folder, engine=engine, management=management)
    raise NoServerFoundError("\n".join([WAYS_OUT, *tried]))
