"""Parts of the training loop: batches, learning rates, averages, and the state on disk."""
