"""The printed summaries of results."""
