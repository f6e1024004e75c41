"""The feature kernel: one implementation for the scorer, training, backtest and audit.

`Kernel` stands in `kernel.py`, the layout in which events travel in `events.py`, entity keys in `keys.py`, what each
feature means in `registry.py`. Nothing is re-exported here, so that one who needs a key or a feature's name alone does
not wait for the compiler to load.
"""

__all__: list[str] = []
