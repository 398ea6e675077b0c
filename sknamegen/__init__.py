"""Character-level name generators with a scikit-learn interface."""

import sys

from . import _lstm, _ngram
from ._lstm import CharLSTMGenerator, SamplePreview
from ._ngram import CharNGramGenerator
from ._state import SKOPS_TRUSTED
from ._vectorizer import CharSequenceVectorizer
from .datasets import iter_names, load_names, read_names

__all__ = [
    "CharLSTMGenerator",
    "CharNGramGenerator",
    "CharSequenceVectorizer",
    "SKOPS_TRUSTED",
    "SamplePreview",
    "iter_names",
    "load_names",
    "read_names",
]
__version__ = "0.3.0"

# Files that users save name the classes by this module, so that the code can move.
for _public in (CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, SamplePreview):
    _public.__module__ = __name__
# State format 1 named them by modules that are gone; they are found, to be refused clearly.
sys.modules.update(
    {
        "sknamegen._generator": _lstm,
        "sknamegen._kneser_ney": _ngram.kneser_ney,
        "sknamegen._net": _lstm,
    }
)
