"""What lets an interrupted training go on as if it had not been interrupted."""
