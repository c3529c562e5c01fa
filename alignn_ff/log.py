"""Logging: library code logs to the ``alignn_ff`` logger, only the command line prints."""

import logging


def get_logger(room: str) -> logging.Logger:
    """Logger of one room, ``alignn_ff.<room>``."""
    return logging.getLogger(f"alignn_ff.{room}")
