"""Transactions to post: the public ones where they are, invented ones where not."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

TWO_DAYS = Path(__file__).parents[3] / "shared" / "data" / "handbook-two-days.csv"


def a_transaction(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return a transaction in which what does not matter is filled in."""
    return {
        "transaction_id": f"t-{number}",
        "occurred_at": f"2026-01-{1 + number // 86400 % 28:02}T{number // 3600 % 24:02}:{number // 60 % 60:02}"
        f":{number % 60:02}Z",
        "amount": f"{(number * 7919) % 30000 / 100:.2f}",
        "currency": "EUR",
        "card_id": f"card-{number % 37}",
        "merchant_id": f"merchant-{number % 11}",
    } | fields


def public_transactions(count: int) -> list[dict[str, Any]]:
    """Return the first transactions of the public two days, or as many invented ones where that file is not there."""
    if not TWO_DAYS.exists():
        return [a_transaction(number) for number in range(1, count + 1)]
    with TWO_DAYS.open() as file:
        rows = [row for _, row in zip(range(count), csv.DictReader(file), strict=False)]
    return [
        {
            "transaction_id": row["TRANSACTION_ID"],
            "occurred_at": row["TX_DATETIME"].replace(" ", "T") + "Z",
            "amount": f"{float(row['TX_AMOUNT']):.2f}",
            "currency": "EUR",
            "card_id": f"customer-{row['CUSTOMER_ID']}",
            "merchant_id": f"terminal-{row['TERMINAL_ID']}",
        }
        for row in rows
    ]
