"""Scores every event of a partition in order and commits one verdict for each."""
