"""Words of names: letters with their marks, and apostrophes between letters.

Words are compared in folded form: composed, regardless of case, with straight apostrophes.
"""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from string import ascii_lowercase
from typing import NamedTuple

import numpy as np

from .._arrays import look_up
from .._parallel import blocks
from .._types import Ints
from .codes import characters_of, decode, distinct
from .unicode import category, compose

APOSTROPHE = "'"
_BRACKETS, _QUOTES = dict(zip("([{", ")]}", strict=True)), '"„“”«»'
_PAIRED = {*_BRACKETS, *_BRACKETS.values(), *_QUOTES}


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


class WordCounts(NamedTuple):
    """The words of names.

    Attributes
    ----------
    of_words : Counter
        The number of names of several words that contain each word.
    of_numbers : Counter
        The number of names with each number of words.
    repeats : bool
        Whether a word occurs twice in a name.
    is_balanced : bool
        Whether all names are balanced, see `is_balanced`.
    """

    of_words: Counter[str]
    of_numbers: Counter[int]
    repeats: bool
    is_balanced: bool


def count_words(codes: Ints) -> WordCounts:
    """Count the words of names, given zero-padded code points."""
    characters = distinct(codes)
    is_other = np.zeros(characters.max(initial=0) + 1, dtype=np.int8)
    is_other[characters] = [not is_letter(letter) for letter in characters_of(characters).tolist()]
    names = codes[look_up(is_other, codes).any(axis=1)]
    has_pairs = not _PAIRED.isdisjoint(characters_of(characters).tolist())
    counts, numbers = Counter[str](), Counter({1: len(codes) - len(names)})
    repeats, balanced = False, True
    for block in blocks(*names.shape):
        texts = decode(names[block])
        balanced = balanced and not (has_pairs and not all(map(is_balanced, texts)))
        for words in split_words(texts):
            counts.update(set(words))
            numbers[len(words)] += 1
            repeats = repeats or _repeats(words)
    return WordCounts(counts, numbers, repeats, balanced)


def usual_numbers(numbers: Iterable[int]) -> tuple[int, int, int]:
    """Return the 5th percentile, the median and the 95th percentile of numbers."""
    ordered = sorted(numbers)
    last = len(ordered) - 1
    return ordered[last // 20], ordered[last // 2], ordered[-(-last * 19 // 20)]


def is_balanced(text: str) -> bool:
    """Return whether each bracket has its counterpart, and the number of quotes is even."""
    expected, n_quotes = list[str](), 0
    for character in filter(_PAIRED.__contains__, text):
        n_quotes += character in _QUOTES
        if character in _BRACKETS:
            expected.append(_BRACKETS[character])
        elif character not in _QUOTES and (not expected or expected.pop() != character):
            return False
    return not expected and n_quotes % 2 == 0


def words_in(texts: Iterable[str]) -> frozenset[str]:
    """Return the set of all words of texts."""
    return frozenset(chain.from_iterable(split_words(texts)))
