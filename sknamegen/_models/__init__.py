"""Models of the next character, in numpy."""
