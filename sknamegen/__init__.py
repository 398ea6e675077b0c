"""Character-level name generators with a scikit-learn interface."""

from typing import TYPE_CHECKING, Any

from ._state import SKOPS_TRUSTED
from ._state import new as new
from .average import CharAverageGenerator
from .datasets import iter_names, load_names, read_names
from .lstm import CharLSTMGenerator
from .ngram import CharNGramGenerator
from .vectorizer import CharSequenceVectorizer

if TYPE_CHECKING:
    from .callbacks import SamplePreview as SamplePreview

__all__ = [
    "CharAverageGenerator",
    "CharLSTMGenerator",
    "CharNGramGenerator",
    "CharSequenceVectorizer",
    "SKOPS_TRUSTED",
    "iter_names",
    "load_names",
    "read_names",
]
__version__ = "0.4.0"


def __getattr__(name: str) -> Any:
    """Import what needs skorch, and so torch, on first use."""
    if name == "SamplePreview":
        from .callbacks import SamplePreview as SamplePreview

        return SamplePreview
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
