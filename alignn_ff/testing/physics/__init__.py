"""The laws by kind."""
