"""Character-level name generators with a scikit-learn interface."""

from ._generator import CharLSTMGenerator
from ._net import SamplePreview
from ._ngram import CharNGramGenerator
from ._vectorizer import CharSequenceVectorizer
from .datasets import iter_names, load_names, read_names

__all__ = [
    "CharLSTMGenerator",
    "CharNGramGenerator",
    "CharSequenceVectorizer",
    "SamplePreview",
    "iter_names",
    "load_names",
    "read_names",
]
__version__ = "0.1.0"
