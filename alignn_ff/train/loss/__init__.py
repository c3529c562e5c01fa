"""The loss of a batch, from costs and counts of each kind of label."""
