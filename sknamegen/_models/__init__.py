"""Models of the next character, which need only numpy and scipy."""
