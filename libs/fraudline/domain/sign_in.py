"""How people sign in: a one-time link becomes a session, each known to us by the hash of its token alone.

A token is 256 random bits, written so that it can stand in a URL and in a cookie without quoting. A fast hash is
enough for what nobody can guess; `api_key` says more.
"""

import re
import secrets

from fraudline.domain.api_key import Role

LINK_MINUTES = 10
"""How long a link can be opened."""
SESSION_HOURS = 12
"""How long a session lasts, however busy it is: a shift, and somebody has to be there again."""
IDLE_HOURS = 2
"""How long a session lasts without a request."""

# Who posts transactions has a key, and no page to look at.
SIGN_IN_ROLES = tuple(role for role in Role if role.is_at_least(Role.ANALYST))

_RANDOM_BYTES = 32
_FORM = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def new_token() -> str:
    """Return a new token."""
    return secrets.token_urlsafe(_RANDOM_BYTES)


def is_token(text: str) -> bool:
    """Return whether `text` could be a token: what is none needs no look-up, however long it is."""
    return _FORM.fullmatch(text) is not None


def sign_in_link(page_url: str, token: str) -> str:
    """Return what a person opens; `page_url` is where the page is reached."""
    return f"{page_url.rstrip('/')}/sign-in?token={token}"
