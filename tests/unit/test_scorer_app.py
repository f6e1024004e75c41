import asyncio
import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fraudline.errors import ConfigurationError
from fraudline.service.settings import ScorerSettings, load
from fraudline_scorer.app import main


async def test_more_entities_than_the_machine_has_room_for_is_a_setting_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    given = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1/none",
        "AMQP_URL": "amqp://nobody@127.0.0.1/none",
        "MODEL": str(tmp_path),
        "STATE_DIR": str(tmp_path),
        "MAX_ENTITIES": "1000000000",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"FRAUDLINE_{name}", value)
    bundle: Any = SimpleNamespace(known_after_days=8)
    monkeypatch.setattr("fraudline_scorer.app.load_bundle", lambda _: bundle)
    monkeypatch.setattr("fraudline.kernel.kernel.mmap", refuse)

    with pytest.raises(ConfigurationError, match=r"^FRAUDLINE_MAX_ENTITIES: .* 1,000,000,000; .* 472,000,000,000 "):
        await main(load(ScorerSettings), asyncio.Event())
