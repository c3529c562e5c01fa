"""Several processes of one training, and what they exchange."""
