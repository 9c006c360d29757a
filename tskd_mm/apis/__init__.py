"""What several tools share: running trainings, reading them, timing their steps."""
