"""Shared by tests: structures, data, tiny models, independent references, recorded numbers."""
