"""Measuring a running system from outside: load at a constant rate, latency, CPU by process, and an honest count."""
