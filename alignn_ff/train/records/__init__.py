"""Labelled structures on their way to the network: records, their split, their labels and graphs as tensors."""
