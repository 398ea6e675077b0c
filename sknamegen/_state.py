"""What a saved estimator carries to tell which versions can read it."""

from typing import Any

# Raised by a change after which earlier files cannot be read.
_FORMAT = 3

SKOPS_TRUSTED = (
    "sknamegen.CharLSTMGenerator",
    "sknamegen.CharNGramGenerator",
    "sknamegen.CharSequenceVectorizer",
    "sknamegen.SamplePreview",
)
"""The types of this package that a skops file may name: ``skops.io.load(file,
trusted=SKOPS_TRUSTED)``."""


class StateFormat:
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
