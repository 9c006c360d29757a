"""The frozen teacher, and how it sees the student's batch."""
