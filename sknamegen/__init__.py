"""Character-level name generators with a scikit-learn interface."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._state import PUBLIC, SKOPS_TRUSTED
from ._state import new as new

if TYPE_CHECKING:
    from ._page.save import save_page
    from .callbacks import SamplePreview as SamplePreview
    from .classifier import NameClassifier
    from .datasets import (
        iter_names,
        known_names,
        list_styles,
        load_names,
        load_words,
        read_names,
        words_like,
    )
    from .lstm import CharLSTMGenerator
    from .ngram import CharNGramGenerator
    from .pseudonyms import NamePseudonymizer
    from .vectorizer import CharSequenceVectorizer

__all__ = ["CharLSTMGenerator", "CharNGramGenerator", "NameClassifier"]
__all__ += ["CharSequenceVectorizer", "NamePseudonymizer", "SKOPS_TRUSTED", "save_page"]
__all__ += ["iter_names", "known_names", "list_styles", "load_names", "load_words", "read_names"]
__all__ += ["words_like"]
__version__ = "0.4.0"

# Module of each public name. Functions are in `datasets`, except for `save_page`.
_MODULES = dict.fromkeys(__all__, "datasets") | PUBLIC | {"save_page": "_page.save"}


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that `sknamegen --help` imports no libraries."""
    if name in _MODULES:
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    if name in {*_MODULES.values(), "display", "metrics"}:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
