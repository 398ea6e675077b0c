"""Models of the next character, which need only numpy and scipy."""

# `NextCharModel.from_state` finds the class of a saved model among the imported ones.
from . import interpolated, lstm, mixture, ngrams, penalty

__all__ = ["interpolated", "lstm", "mixture", "ngrams", "penalty"]
