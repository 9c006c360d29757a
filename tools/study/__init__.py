"""Studies: a grid of methods and seeds, and what can be concluded from it."""
