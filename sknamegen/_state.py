"""What a saved estimator carries: the format of its state, and a name that stays."""

import sys
from typing import Any

PACKAGE = __name__.partition(".")[0]
# Where Read the Docs shows the manual, by .readthedocs.yaml; pyproject.toml has it, too.
MANUAL = "https://sknamegen.readthedocs.io/en/stable"
# Raised by a change after which earlier files cannot be read.
_FORMAT = 5
PUBLIC = {
    "CharAverageGenerator": "average",
    "CharLSTMGenerator": "lstm",
    "CharNGramGenerator": "ngram",
    "CharSequenceVectorizer": "vectorizer",
    "NamePseudonymizer": "pseudonyms",
    "SamplePreview": "callbacks",
}

_SAVED = PUBLIC | {"KnownNames": "datasets"}
SKOPS_TRUSTED = tuple(f"{PACKAGE}.{module}.{name}" for name, module in _SAVED.items())
"""The types of this package that a skops file may name: ``skops.io.load(file,
trusted=SKOPS_TRUSTED)``."""


def new(name: str) -> Any:
    """Return an object of a public class, without a state, for pickles."""
    kind = getattr(sys.modules[PACKAGE], name)
    return kind.__new__(kind)


new.__module__ = PACKAGE


class PublicName:
    """Mixin whose pickles name the package alone, so that the code can move.

    scikit-learn's HTML representation of it links to its page in the manual.
    """

    _doc_link_module = PACKAGE
    _doc_link_template = f"{MANUAL}/api/{PACKAGE}.{{estimator_name}}.html"

    def __reduce_ex__(self, protocol: Any) -> Any:
        kind = type(self)
        if f"{kind.__module__}.{kind.__qualname__}" in SKOPS_TRUSTED:
            return new, (kind.__name__,), self.__getstate__()  # type: ignore[attr-defined]
        return super().__reduce_ex__(protocol)  # a user's subclass, by its own name


class StateFormat(PublicName):
    """Mixin that marks the state of an estimator with its format and refuses others."""

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_format": _FORMAT}  # type: ignore[operator]

    def __setstate__(self, state: dict[str, Any]) -> None:
        found = state.get("_format")
        if not (isinstance(found, int) and found == _FORMAT):
            raise ValueError(
                f"This {type(self).__name__} was saved by another version of sknamegen, in state "
                f"format {found}; this version reads {_FORMAT}. Load it with the version that "
                "saved it, or fit it again."
            )
        state = {name: value for name, value in state.items() if name != "_format"}
        super().__setstate__(state)  # type: ignore[misc]
