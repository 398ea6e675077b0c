"""Character-level name generators with a scikit-learn interface."""

import sys
from typing import TYPE_CHECKING, Any

from ._models.kneser_ney import KneserNey as _KneserNey
from ._state import SKOPS_TRUSTED
from ._state import new as new
from .average import CharAverageGenerator
from .datasets import iter_names, load_names, read_names
from .lstm import CharLSTMGenerator
from .ngram import CharNGramGenerator
from .vectorizer import CharSequenceVectorizer

if TYPE_CHECKING:
    from .callbacks import SamplePreview

__all__ = [
    "CharAverageGenerator",
    "CharLSTMGenerator",
    "CharNGramGenerator",
    "CharSequenceVectorizer",
    "SKOPS_TRUSTED",
    "SamplePreview",
    "iter_names",
    "load_names",
    "read_names",
]
__version__ = "0.4.0"


def __getattr__(name: str) -> Any:
    """Import what needs skorch, and so torch, on first use."""
    if name == "SamplePreview":
        from .callbacks import SamplePreview

        return SamplePreview
    if name == "KneserNey":  # named by files of state format 1
        return _KneserNey
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# Files of state format 1 name modules that are gone; they are found, to be refused clearly.
for _gone in ("_generator", "_kneser_ney", "_net", "_ngram", "_vectorizer"):
    sys.modules[f"{__name__}.{_gone}"] = sys.modules[__name__]
