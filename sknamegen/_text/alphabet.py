"""The alphabet of a model: characters and their indices."""

from collections.abc import Iterable, Sequence

import numpy as np

from .._arrays import look_up
from .._types import Bools, Ints, Strs
from .clusters import Clusters
from .codes import END, END_CHARACTER, PAD, START, decode, encode, shorten
from .unicode import compose, decompose, kind_of

# Index for no character, no label and no target.
NONE = -1
# Number of indices after those of the characters: the start of a name and an unknown character.
N_SPECIAL = 2


class Alphabet:
    """A model's characters and their indices.

    Two more indices follow, which models read but never predict: the start of a name and an unknown
    character.

    Parameters
    ----------
    characters : ndarray of shape (n_characters,), dtype str
        In index order, with U+0003 for the end of a name.

    Attributes
    ----------
    characters : list of str
        The characters.
    index : dict of str to int
        The index of each character except the end.
    end : int or None
        The index of the end. None for running text.
    clusters : Clusters
        The grapheme clusters of names. In running text, every code point is a cluster.
    kinds : ndarray of shape (n_characters + 3,), dtype int64
        The kind number of each character, the start, an unknown character, and no character (index
        -1). The end of a name has its own kind.
    caseless : ndarray of shape (n_kinds,), dtype bool
        Whether each kind contains marks or letters of a caseless script.

    Raises
    ------
    ValueError
        If the characters are not distinct, sorted by code point, and allowed in an alphabet.
    """

    def __init__(self, characters: Strs):
        self._codes = np.array(characters).view(np.int32)
        is_sorted = len(characters) and (np.diff(self._codes, prepend=PAD) > 0).all()
        if characters.dtype != "=U1" or not is_sorted or START in self._codes:
            raise ValueError("An alphabet must contain distinct characters in code point order.")
        self.characters: list[str] = characters.tolist()
        self.index = {character: i for i, character in enumerate(self.characters)}
        self.end = self.index.pop(END_CHARACTER, None)
        self._decoding_table = np.append(np.where(self._codes == END, PAD, self._codes), PAD)
        # Windows may cut running text inside a cluster, so each code point is a cluster.
        self.clusters = Clusters(["x"] * len(self) if self.end is None else self.characters)
        kinds = [*map(kind_of, self.characters), "start", "unknown", "none"]
        if self.end is not None:
            kinds[self.end] = "end"
        numbers = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
        self.kinds = np.array([numbers[kind] for kind in kinds])
        self.caseless = np.array([kind.startswith(("Lm", "Lo", "M")) for kind in numbers])

    def __len__(self) -> int:
        return len(self.characters)

    def decode(self, indices: Ints) -> list[str]:
        """Convert rows of indices to strings. Rows end with the end index or -1."""
        return decode(self._decoding_table[indices])

    def indices(self, codes: Ints, known: Bools | slice = slice(None)) -> Ints:
        """Replace code points with indices. Entries of -1 do not change.

        Characters that the index `known` does not select are unknown.
        """
        # A table up to the largest code point, with an entry for NONE at the end.
        n_codes = max(array.max(initial=START) for array in (self._codes, codes)) + 2
        table = np.full(n_codes, len(self) + 1, dtype=np.int32)
        table[START] = len(self)
        table[self._codes[known]] = np.arange(len(self), dtype=np.int32)[known]
        table[NONE] = NONE
        return look_up(table, codes)

    def lengths(self, texts: Sequence[str]) -> Ints:
        """Return the lengths of texts, in grapheme clusters."""
        return self.lengths_of_rows(encode(texts))

    def lengths_of_rows(self, codes: Ints) -> Ints:
        """Return the lengths of zero-padded rows of code points, in grapheme clusters."""
        if self.clusters.one_code_per_cluster:
            return np.count_nonzero(codes, axis=1)
        return self.clusters.lengths(self.indices(np.where(codes == PAD, NONE, codes)))

    def windows(self, prefixes: Sequence[str], window_length: int) -> Ints:
        """Return the last `window_length` indices of name prefixes, with -1 before the start.

        Prefixes of running text are not cut.
        """
        if self.end is None:
            window_length = max(window_length, 1 + max(map(len, prefixes), default=0))
        last = [f"{chr(START)}{prefix}"[-window_length:] for prefix in prefixes]
        codes = encode([text.rjust(window_length, "\0") for text in last], window_length)
        return self.indices(np.where(codes == PAD, NONE, codes)).astype(np.int64)

    def composed(self, prefixes: Iterable[str]) -> list[str]:
        """Return prefixes or names in a supported spelling: composed, unchanged or decomposed."""
        return [prefix if prefix.isascii() else self._spelling(prefix) for prefix in prefixes]

    def _spelling(self, prefix: str) -> str:
        spellings = compose(prefix), prefix, decompose(prefix)
        known = (spelling for spelling in spellings if {*spelling} <= self.index.keys())
        return next(known, spellings[0])

    def checked(self, prefixes: Iterable[str]) -> list[str]:
        """Return prefixes in a supported spelling, or raise an error for unknown characters."""
        prefixes = self.composed(prefixes)
        for prefix in prefixes:
            if unknown := sorted({*prefix} - self.index.keys()):
                raise ValueError(
                    f"seed {prefix!r} contains {', '.join(map(repr, unknown))}, outside the "
                    f"model's alphabet. Choose from {shorten(''.join(self.index), 100)}."
                )
        return prefixes
