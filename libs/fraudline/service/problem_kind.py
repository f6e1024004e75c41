"""Every way in which a request can fail, whether our handlers find out or the server that reads the bytes."""

from enum import Enum
from typing import Any

MEDIA_TYPE = "application/problem+json"


class ProblemKind(Enum):
    """One kind of problem (RFC 9457): its code, its status, its title."""

    NOT_JSON = ("not_json", 400, "The body is no JSON that is read here")
    MALFORMED = ("malformed_request", 400, "The request is malformed")
    UNAUTHORIZED = ("unauthorized", 401, "A valid API key is needed")
    FORBIDDEN = ("forbidden", 403, "This API key may not do that")
    CROSS_SITE = ("cross_site", 403, "The request came from another site")
    NOT_FOUND = ("not_found", 404, "There is nothing at this address")
    NOT_YET_SCORED = ("not_found_or_not_yet_scored", 404, "No such transaction, or it is not scored yet")
    METHOD_NOT_ALLOWED = ("method_not_allowed", 405, "This address does not take that method")
    ID_CONFLICT = ("transaction_id_conflict", 409, "This transaction_id has a verdict for other content")
    ALREADY_DECIDED = ("already_decided", 409, "Somebody has said already what this payment was")
    AHEAD_OF_FEED = ("ahead_of_feed", 409, "The feed has not come so far")
    TOO_SLOW = ("too_slow", 408, "The request did not arrive in time")
    TOO_LARGE = ("too_large", 413, "The request is too large")
    TARGET_TOO_LONG = ("target_too_long", 414, "The address of the request is too long")
    ENCODING = ("unsupported_encoding", 415, "The body is encoded in a way that is not read here")
    NOT_VALID = ("not_valid", 422, "The request is not valid")
    HEADERS_TOO_LARGE = ("headers_too_large", 431, "The headers are too large")
    INTERNAL = ("internal", 500, "Something broke on our side")
    FULL = ("full", 503, "Too much is in flight")
    UNAVAILABLE = ("unavailable", 503, "A server that is needed does not answer")

    def __init__(self, code: str, status: int, title: str) -> None:
        self.code = code
        self.status = status
        self.title = title

    def document(self, detail: str, errors: list[dict[str, str]]) -> dict[str, Any]:
        """Return a problem of this kind as its JSON document; `type` is where the page `/docs` explains it."""
        return {
            "type": f"/docs#{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": detail,
            "code": self.code,
            "errors": errors,
        }
