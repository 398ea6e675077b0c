"""Words of names: letters with their marks, and apostrophes between letters.

Words are compared in folded form: composed, regardless of case, with straight apostrophes.
"""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from string import ascii_lowercase

import numpy as np

from .._arrays import look_up
from .._parallel import blocks
from .._types import Ints
from .codes import characters_of, decode, distinct
from .unicode import category, compose

APOSTROPHE = "'"


def fold_word(text: str) -> str:
    """Return a text with case folded and straight apostrophes."""
    return text.casefold().replace("’", APOSTROPHE)


def is_letter(character: str) -> bool:
    """Return whether a folded character is a letter."""
    return category(character)[0] == "L"


def is_mark(character: str) -> bool:
    """Return whether a folded character is a mark, which belongs to the character before it."""
    return category(character) == "M"


def split_words(texts: Iterable[str]) -> list[list[str]]:
    """Return the folded words of each text, see `sknamegen.datasets.words_of`."""
    folded = [fold_word(compose(text)) for text in texts]
    characters = sorted(set(ascii_lowercase).union(*folded))  # of most names, the same
    letters = re.escape("".join(filter(is_letter, characters)))
    marks = re.escape("".join(filter(is_mark, characters)))
    run = f"[{letters}][{letters}{marks}]*"
    find = re.compile(f"{run}(?:{APOSTROPHE}{run})*").findall
    return [find(text) for text in folded]


def repeats_word(texts: Iterable[str]) -> list[bool]:
    """Return whether a word, or the part of a word at an apostrophe, occurs twice in each text.

    Parts of one letter do not count, such as the s of a genitive.
    """
    return list(map(_repeats, split_words(texts)))


def _repeats(words: list[str]) -> bool:
    split = ([part for part in word.split(APOSTROPHE) if len(part) > 1] or [word] for word in words)
    parts = list(chain.from_iterable(split))
    return len(set(parts)) < len(parts)


def count_words(codes: Ints) -> tuple[Counter[str], bool]:
    """Count the names of several words that contain each word, given zero-padded code points.

    Also returns whether a word occurs twice in a name.
    """
    characters = distinct(codes)
    is_other = np.zeros(characters.max(initial=0) + 1, dtype=np.int8)
    is_other[characters] = [not is_letter(letter) for letter in characters_of(characters).tolist()]
    names = codes[look_up(is_other, codes).any(axis=1)]
    counts, repeats = Counter[str](), False
    for block in blocks(*names.shape):
        for words in split_words(decode(names[block])):
            counts.update(set(words))
            repeats = repeats or _repeats(words)
    return counts, repeats


def words_in(texts: Iterable[str]) -> frozenset[str]:
    """Return the set of all words of texts."""
    return frozenset(chain.from_iterable(split_words(texts)))
