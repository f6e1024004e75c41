"""The API keys that `up` keeps in its state folder: one for the commands, one for the first call of whoever reads."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from fraudline.domain.api_key import Role, hash_of
from fraudline.domain.transaction import rfc3339
from fraudline.local.state_folder import write_private
from fraudline.postgres.api_keys import create_key, read_live_keys
from fraudline.postgres.database import Database

FILE_NAME = "keys.json"
COMMANDS, FIRST_CALL = "fraudline-commands", "first-call"


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """Two keys with the role `ingest`; `made_at` (RFC 3339) makes the first call the same at every start."""

    commands: str
    first_call: str
    made_at: str


async def own_keys(folder: Path, database: Database) -> OwnKeys:
    """Return the keys of the state folder; made anew where one is not there or was revoked.

    Raises:
        DependencyAway: The database does not answer.
    """
    kept = _read(folder / FILE_NAME)
    async with database.acquire() as connection:
        live = await read_live_keys(connection)
        if kept is not None and {hash_of(kept.commands), hash_of(kept.first_call)} <= live.keys():
            return kept
        keys = OwnKeys(
            commands=await create_key(connection, name=COMMANDS, role=Role.INGEST),
            first_call=await create_key(connection, name=FIRST_CALL, role=Role.INGEST),
            made_at=rfc3339(datetime.now(UTC).replace(microsecond=0)),
        )
    write_private(folder / FILE_NAME, json.dumps(asdict(keys)))
    return keys


def _read(file: Path) -> OwnKeys | None:
    try:
        return OwnKeys(**json.loads(file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
