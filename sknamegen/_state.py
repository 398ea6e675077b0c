"""State of saved estimators, public names of classes, bundled files, and replaced files."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

FilePath = str | os.PathLike[str]
PACKAGE = __name__.partition(".")[0]
# Address of the manual on Read the Docs, also in pyproject.toml.
MANUAL = "https://sknamegen.readthedocs.io/en/stable"
# Version of the state format, increased by each change that makes older files unreadable.
_FORMAT = 16
# Modules of the public classes that can be saved.
PUBLIC = {
    "CharLSTMGenerator": "lstm",
    "CharNGramGenerator": "ngram",
    "CharSequenceVectorizer": "vectorizer",
    "NameClassifier": "classifier",
    "NamePseudonymizer": "pseudonyms",
    "SamplePreview": "callbacks",
}

SKOPS_TRUSTED = (
    "builtins.frozenset",
    *(f"{PACKAGE}.{module}.{name}" for name, module in PUBLIC.items()),
    f"{PACKAGE}.datasets.KnownNames",
)
"""Types in a skops file: ``skops.io.load(file, trusted=SKOPS_TRUSTED)``."""


def new(name: str) -> Any:
    """Return an instance of a public class without state. Pickles call this function."""
    kind = getattr(sys.modules[PACKAGE], name)
    return kind.__new__(kind)


new.__module__ = PACKAGE


class PublicName:
    """Mixin whose pickles refer to the package instead of a module, so that modules can change.

    scikit-learn's HTML representation links to the class's page in the manual.
    """

    _doc_link_module = PACKAGE
    _doc_link_template = f"{MANUAL}/api/{PACKAGE}.{{estimator_name}}.html"

    def __reduce_ex__(self, protocol: Any) -> Any:
        kind = type(self)
        if f"{kind.__module__}.{kind.__qualname__}" in SKOPS_TRUSTED:
            return new, (kind.__name__,), self.__getstate__()  # type: ignore[attr-defined]
        return super().__reduce_ex__(protocol)  # a user's subclass, from its module


class StateFormat(PublicName):
    """Mixin that saves the state format and rejects other formats."""

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_format": _FORMAT}  # type: ignore[operator]

    def __setstate__(self, state: dict[str, Any]) -> None:
        saved_format = state.get("_format")
        if saved_format != _FORMAT:
            raise ValueError(
                f"This {type(self).__name__} was saved by another version of sknamegen, in state "
                f"format {saved_format}. This version reads format {_FORMAT}. Load the file with "
                "the version that saved it, or fit the estimator again."
            )
        state = {name: value for name, value in state.items() if name != "_format"}
        super().__setstate__(state)  # type: ignore[misc]


def bundled_file(name: str) -> Traversable:
    """Return a data file from the package, or from the `data` folder of a clone."""
    package = files(PACKAGE)
    installed = package.joinpath("data", name)
    return installed if installed.is_file() else package.joinpath("..", "data", name)


@contextmanager
def replaced_file(path: FilePath) -> Iterator[Path]:
    """Yield the path of a temporary file that replaces the file at `path` at the end.

    After an error, the old file is unchanged. A device or named pipe is not replaced: the yielded
    path is `path`.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        yield Path(path)
        return
    target = os.path.realpath(path)  # keeps symbolic links
    temporary = Path(os.path.dirname(target), f".{os.urandom(8).hex()}.tmp")
    try:
        temporary.touch()
        if os.path.exists(target):
            open(target, "ab").close()  # raises an error if the file is write-protected
            temporary.chmod(os.stat(target).st_mode & 0o777)
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
