"""The commands; those of the demo and the studies run with ``python -m``."""
