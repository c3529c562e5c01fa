"""Standard deviations of predictions: measured beside errors on held-out structures, and calibrated."""
