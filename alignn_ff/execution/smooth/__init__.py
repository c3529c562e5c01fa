"""The strictly smooth model on C++ kernels."""
