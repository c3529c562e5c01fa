"""The trainer: epochs, steps, their gradients, recorded or not, and what is not taken or not finite."""
