"""Sums over the rows of a node: segments, the gated sum, contractions; on torch and on compiled kernels."""
