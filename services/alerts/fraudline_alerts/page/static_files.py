"""The style sheets and modules of the pages, read once and served from memory.

All of them have one version, a hash over their contents, which stands in their addresses as a folder: modules import
their neighbours by relative addresses and get the same version, and a browser may keep each address for ever. An
address with another version, from a page of another release, gets today's content, and is asked for again next time.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

FOLDER = Path(__file__).parents[1] / "static"
ROUTE = "/static/{version}/{name}"

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_VERSION_LENGTH = 16


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    etag: str


class StaticFiles:
    """Every file of the folder `static`, by its name."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        whole = sha256()
        for path in sorted(FOLDER.iterdir()):
            media_type = _MEDIA_TYPES.get(path.suffix)
            if media_type is None:
                continue
            content = path.read_bytes()
            own = sha256(content).hexdigest()
            whole.update(f"{path.name}\0{own}\0".encode())
            self._files[path.name] = _File(content, media_type, f'"{own[:_VERSION_LENGTH]}"')
        self.version = whole.hexdigest()[:_VERSION_LENGTH]

    def url(self, name: str) -> str:
        """Return the address of a file.

        Raises:
            KeyError: There is no such file.
        """
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    def response(self, request: "Request", version: str, name: str) -> Response | None:
        """Return the answer with a file, 304 where the browser has it, None where there is no such file."""
        file = self._files.get(name)
        if file is None:
            return None
        headers = {"cache-control": _FOR_EVER if version == self.version else _ASK_AGAIN, "etag": file.etag}
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if file.etag in known:
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.media_type, headers=headers)
