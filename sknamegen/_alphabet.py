"""Characters of names: code points, indices, start and end, hashes.

A character is the symbol that a model predicts in one step, a Unicode code point. As a number, it
is called a code. Four codes have special roles. Only this module converts characters to codes.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ._graphemes import Clusters
from ._parallel import blocks
from ._types import Bools, Ints, Strs

PAD = 0x0000
START = 0x0002
END = 0x0003
UNKNOWN = 0xFFFD
RESERVED = (PAD, START, END)
N_CODE_POINTS = 0x110000
END_CHARACTER = chr(END)
FRAME = chr(START) + chr(END)
FRAMING = chr(PAD) + chr(START)  # code points that no alphabet contains
# Index for no character, no label and no target.
NONE = -1
# Number of indices after those of the characters: the start of a name and an unknown character.
N_SPECIAL = 2
# Code points with the letters without marks in the scripts that have cases: Latin, Greek and
# Cyrillic.
_BASIC_CODES = [*range(128), *range(0x391, 0x3CA), *range(0x410, 0x450)]
# Parts of Unicode character names: the functions of Indic marks, Indic vowels, the positions of
# Hebrew and Arabic letters in a word, and the sounds of kana.
_MARK = re.compile("VOWEL SIGN|NUKTA|VIRAMA")
_VOWEL = re.compile(r" LETTER (?:(?:CANDRA |SHORT )?[AEIOU]{1,2}|VOCALIC .*)$")
_PLACE = re.compile(
    r" LETTER (FINAL) |(TEH MARBUTA|ALEF MAKSURA)$|(YEH|WAW) WITH HAMZA|(LETTER HAMZA)$"
)
_KANA = re.compile(r"(?:HIRAGANA|KATAKANA) LETTER (SMALL |)([^AEIOU]*)([AEIOU]?)$")


def encode(strings: Sequence[str] | Strs, width: int | None = None) -> Ints:
    """Convert strings to zero-padded rows of code points.

    `width` is the number of columns (default: the maximum length).
    """
    width = max(map(len, strings), default=0) if width is None else width
    # numpy stores fixed-width strings as UCS-4, which are the code points.
    array = np.asarray(strings, dtype=f"=U{max(width, 1)}")
    return array.view(np.int32).reshape(len(strings), max(width, 1))[:, :width]


def decode(codes: Ints) -> list[str]:
    """Convert zero-padded rows of code points to strings."""
    n_strings, width = codes.shape
    if width == 0:
        return [""] * n_strings
    codes = np.ascontiguousarray(codes, dtype=np.int32)
    return codes.view(f"=U{width}").ravel().tolist()


def codes_of(characters: Iterable[str]) -> NDArray[np.int32]:
    """Return the code point of each character."""
    return np.array([ord(character) for character in characters], dtype=np.int32)


def characters_of(codes: Ints) -> Strs:
    """Return the character of each code point, as a view."""
    return codes.view("=U1")


def code_point(character: str) -> str:
    """Format the code point of a character, as in "U+0041"."""
    return f"U+{ord(character):04X}"


def distinct(*arrays: Ints) -> Ints:
    """Return the sorted distinct code points in arrays, excluding -1 and reserved codes."""
    seen = np.zeros(N_CODE_POINTS + 1, dtype=bool)
    for codes in arrays:
        seen[codes] = True  # NONE is the index of the last cell
    seen[list(RESERVED)] = False
    return np.flatnonzero(seen[:-1]).astype(np.int32)


def look_up(table: Ints, codes: Ints) -> Ints:
    """Return the entries of a table for rows of codes. Like ``table[codes]``, but faster."""
    entries = np.empty(codes.shape, dtype=table.dtype)
    for rows in blocks(*codes.shape):  # which fit into the cache of a processor
        table.take(codes[rows], out=entries[rows], mode="wrap")
    return entries


def sorted_unique(numbers: Ints) -> Ints:
    """Return the sorted distinct numbers. `np.unique` hashes them, which takes longer."""
    numbers = np.sort(numbers)
    return numbers[np.append(numbers[1:] != numbers[:-1], True)[: len(numbers)]]


def hash_names(codes: Ints) -> Ints:
    """Hash zero-padded rows of folded code points to 64 bits with FNV-1a per code point [1]_.

    References
    ----------
    .. [1] G. Fowler, L. C. Noll, K.-P. Vo and D. Eastlake, "The FNV Non-Cryptographic Hash
       Algorithm", IETF draft.
    """
    hashes = np.full(len(codes), 0xCBF29CE484222325, dtype=np.uint64)
    folded = fold_codes(codes)
    for rows in blocks(*codes.shape):  # which fit into the cache of a processor
        for column in folded[rows].T:
            mixed = (hashes[rows] ^ column.astype(np.uint64)) * np.uint64(0x100000001B3)
            hashes[rows] = np.where(column == PAD, hashes[rows], mixed)
    return hashes


def fold_codes(codes: Ints) -> Ints:
    """Return rows of code points in which capitals are lowercase letters.

    Letters whose case folding is longer, such as ß, do not change.
    """
    known = distinct(codes)
    table = np.arange(known.max(initial=END) + 1, dtype=np.int32)
    folded = [character.casefold() for character in characters_of(known).tolist()]
    is_single = np.array([len(text) == 1 for text in folded], dtype=bool)
    table[known[is_single]] = codes_of(text for text in folded if len(text) == 1)
    return look_up(table, codes)


def category(character: str) -> str:
    """Return the general category of a character, or "M" for any mark."""
    general = unicodedata.category(character)
    return "M" if general[0] == "M" else general


def _kind(character: str) -> str:
    """Return the general category, with details on where a letter or a mark may occur.

    For uppercase and lowercase letters, the detail is the script. For kana, it distinguishes small
    kana, ん, and kana in -i, which may precede small kana. For other letters, it distinguishes
    word-final letters, such as ם and ة, letters with a hamza, and independent vowels. For marks, it
    distinguishes vowel signs, nuktas and viramas.
    """
    general, name = category(character), unicodedata.name(character, "")
    if general in ("Lu", "Ll"):
        return f"{general} {name.partition(' ')[0]}"  # such as "Lu LATIN"
    if general == "M" and (mark := _MARK.search(name)):
        return f"M {mark[0]}"
    if general == "Lo" and (kana := _KANA.search(name)):
        small, consonant, vowel = kana.groups()
        if small or not vowel:
            return f"Lo {small}{consonant}"
        return "Lo I" if consonant and vowel == "I" else "Lo"
    if general == "Lo" and (place := _PLACE.search(name)):
        return f"Lo {'final' if place[1] or place[2] else 'hamza'}"
    if general == "Lo" and _VOWEL.search(name):
        return "Lo vowel"
    return general


def script_of(name: str) -> str:
    """Return the script of the first letter of a name, such as "LATIN", or an empty string."""
    letter = next(filter(str.isalpha, name), "")
    return letter and unicodedata.name(letter, "").partition(" ")[0]


def missing_letters(names: Iterable[str]) -> set[str]:
    """Return the basic letters of the names' scripts and cases that they lack."""
    known, letters = set().union(*names), filter(str.isalpha, map(chr, _BASIC_CODES))
    kinds = set(map(_kind, known))
    return {letter for letter in letters if _kind(letter) in kinds} - known


def compose(text: str) -> str:
    """Return a text in composed form (NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def fold(name: str) -> str:
    """Return a name in the form that `exclude` compares: stripped, composed and case-folded."""
    return compose(compose(name.strip()).casefold())


def decompose(text: str) -> str:
    """Return a text in decomposed form (NFD)."""
    return unicodedata.normalize("NFD", text)


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
        kinds = [*map(_kind, self.characters), "start", "unknown", "none"]
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
        """Return the last `window_length` indices of name prefixes, with -1 before the start."""
        start = [] if self.end is None else [len(self)]
        windows = np.full((len(prefixes), window_length), NONE)
        for row, prefix in enumerate(prefixes):
            last = map(self.index.__getitem__, prefix[-window_length:])
            indices = [*start, *last][-window_length:]
            windows[row, window_length - len(indices) :] = indices
        return windows

    def composed(self, prefixes: Iterable[str]) -> list[str]:
        """Return prefixes or names in a supported spelling: composed, unchanged or decomposed."""
        return [prefix if prefix.isascii() else self._spelling(prefix) for prefix in prefixes]

    def _spelling(self, prefix: str) -> str:
        spellings = compose(prefix), prefix, decompose(prefix)
        known = (spelling for spelling in spellings if {*spelling} <= self.index.keys())
        return next(known, spellings[0])

    def checked(self, prefixes: Iterable[str]) -> list[str]:
        """Return prefixes in a supported spelling, or raise an error if no text can start so."""
        prefixes = self.composed(prefixes)
        for prefix in prefixes:
            if unknown := sorted({*prefix} - self.index.keys()):
                raise ValueError(
                    f"seed {prefix!r} contains {', '.join(map(repr, unknown))}, outside the "
                    f"model's alphabet. Choose from {shorten(''.join(self.index), 100)}."
                )
            if not prefix and self.end is None:
                raise ValueError(
                    "seed must contain at least one character, because the model was trained on "
                    "running text (boundary=False), which has no start. Got ''."
                )
        return prefixes


def shorten(text: str, length: int) -> str:
    """Return the repr of a text, truncated to `length` characters."""
    return repr(text if len(text) <= length else text[:length] + "…")
