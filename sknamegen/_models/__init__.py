"""Next-character models in numpy."""
