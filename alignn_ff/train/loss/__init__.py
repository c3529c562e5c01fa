"""The loss: kinds of labels, criteria, and what a model puts out beside them."""
