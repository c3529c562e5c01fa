"""How results look on the screen."""
