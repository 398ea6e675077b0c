"""The generator that learns with an LSTM."""

from .callbacks import SamplePreview
from .estimator import CharLSTMGenerator

__all__ = ["CharLSTMGenerator", "SamplePreview"]
