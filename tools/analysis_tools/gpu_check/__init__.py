"""Checks of the project on a machine with a GPU; see README.md."""
