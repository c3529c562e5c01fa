"""A dynamics run in progress: its start, the loop, its record, its end."""
