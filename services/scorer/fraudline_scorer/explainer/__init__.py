"""Computes the reasons of flagged verdicts after they were committed: a process of its own, off the line."""
