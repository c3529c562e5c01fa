"""Other programs that run the package's force fields."""
