"""The alerts service: flagged verdicts become alerts, people see why and say what it was."""
