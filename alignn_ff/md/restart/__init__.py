"""Restart files of dynamics."""
