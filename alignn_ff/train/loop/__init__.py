"""The training loop: steps, epochs, learning rates, averages, and the state on disk."""
