"""What the benchmark times and counts, how that compares, and how it is shown."""
