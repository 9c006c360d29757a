"""``make demo``: digits, a teacher, and one student trained three ways."""
