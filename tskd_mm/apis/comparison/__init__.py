"""Trains several methods with several seeds, and tells what can be concluded."""
