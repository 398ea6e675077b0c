"""Settings of `invent`, which the command line and web pages share."""

TEMPERATURE = 0.8
MIN_P = 0.05
BEST_OF = 60
