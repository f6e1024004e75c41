"""Invented customers, merchants and fraud: seeded, deterministic."""

from fraudline.simulation.simulation import LiveStream, Simulation

__all__ = ["LiveStream", "Simulation"]
