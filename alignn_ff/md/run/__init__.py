"""A dynamics run under way: its start, the loop, what it records, how it ends."""
