"""The command `fraudline`."""
