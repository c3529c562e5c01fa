"""The published families: one network, its heads, and what the published training calls forces."""
