"""Queues whose messages become rows: flagged verdicts into alerts, dead letters into the table where they are kept."""
