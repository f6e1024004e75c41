"""What `up` prints when everything is ready: addresses, and two lines that post a first transaction and read it."""

import json
import shlex
from pathlib import Path

from fraudline.cli.own_keys import OwnKeys
from fraudline.cli.running import FILE_NAME
from fraudline.cli.services import INGEST, SERVICES, Ports


def introduction(folder: Path, ports: Ports, keys: OwnKeys) -> str:
    """Return the text; its lines can be copied into a shell word for word."""
    url = ports.url(INGEST.public or INGEST.admin)
    transaction = first_transaction(keys.made_at)
    authorization = shlex.quote(f"Authorization: Bearer {keys.first_call}")
    body = shlex.quote(json.dumps(transaction))
    lines = [
        "",
        f"  transactions   {url}   (described at {url}/docs)",
        *(f"  {service.name:13}  {ports.url(service.admin)}/metrics and /readyz" for service in SERVICES),
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
