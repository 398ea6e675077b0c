"""The generator that learns by counting."""

from .estimator import CharNGramGenerator

__all__ = ["CharNGramGenerator"]
