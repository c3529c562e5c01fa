"""The training loop: epochs, learning rates, averages, and the state on disk."""
