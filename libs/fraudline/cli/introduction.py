"""What `up` prints when everything is ready: a link to the page, addresses, two lines that post and read a payment."""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path

from fraudline.cli.own_keys import OwnKeys
from fraudline.cli.running import ALERTS_VARIABLE, FILE_NAME, RunningSystem
from fraudline.cli.services import ALERTS
from fraudline.domain.sign_in import LINK_MINUTES

NAME = "fraudline"
_LOOPBACK_HOSTS = {"127.0.0.1", "::1", "localhost"}


def introduction(folder: Path, system: RunningSystem, keys: OwnKeys, *, link: str) -> str:
    """Return the text; its lines can be copied into a shell or a browser word for word. `link` signs its reader in."""
    url = system.ingest_url
    transaction = first_transaction(keys.made_at)
    authorization = shlex.quote(f"Authorization: Bearer {keys.first_call}")
    body = shlex.quote(json.dumps(transaction))
    lines = [
        "",
        f"  open the page: {link}   (works once, within {LINK_MINUTES} minutes; another: {_own_command()} sign-in)",
        "",
        f"  page           {system.alerts_url}",
        *_how_others_reach_it(system),
        f"  status         {system.alerts_url}/status",
        f"  transactions   {url}   (described at {url}/docs)",
        *(f"  {name:13}  {admin_url}/metrics and /readyz" for name, admin_url in system.admin_urls.items()),
        f"  logs           {folder / 'logs'}",
        f"  database       its URL, and those of all else, are in {folder / FILE_NAME}",
        "",
        "Post a first transaction:",
        "",
        f"curl -sS {url}/v1/transactions -H {authorization} -H 'Content-Type: application/json' -d {body}",
        "",
        "Read its verdict:",
        "",
        f"curl -sS {url}/v1/transactions/{transaction['transaction_id']} -H {authorization}",
        "",
        "Ctrl-C stops everything; what is stored is there at the next start.",
        "",
    ]
    return "\n".join(lines)


def _how_others_reach_it(system: RunningSystem) -> list[str]:
    """Tell who opens the page to other machines what that takes: there browsers keep its cookie over https alone."""
    host = os.environ.get(ALERTS.public.host_variable) if ALERTS.public else None
    if not host or host in _LOOPBACK_HOSTS or system.alerts_url.startswith("https://"):
        return []
    return [f"{'':15}  it listens on {host}; other machines sign in over https alone: set {ALERTS_VARIABLE} to where"]


def _own_command() -> str:
    """Return how whoever reads this calls the command from where they are."""
    called = sys.argv[0]
    is_found_elsewhere = Path(called).name == NAME and shutil.which(NAME) != called
    return shlex.quote(called) if is_found_elsewhere else NAME


def first_transaction(made_at: str) -> dict[str, str]:
    """Return the transaction of the printed line: the same at every start, so that it may be posted again."""
    return {
        "transaction_id": "first-transaction",
        "occurred_at": made_at,
        "amount": "912.40",
        "currency": "EUR",
        "card_id": "card-1",
        "merchant_id": "merchant-1",
        "channel": "ecommerce",
        "merchant_country": "DE",
    }
