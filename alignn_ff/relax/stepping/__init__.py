"""Optimisers of many structures at once: arrays with a slot per structure."""
