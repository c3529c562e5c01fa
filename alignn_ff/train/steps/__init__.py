"""Steps of a training: gradients of its batches, recorded or not, and what is not taken or not finite."""
