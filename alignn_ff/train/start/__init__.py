"""What a training starts from: statistics of the training set, the model, the weights of an earlier model."""
