"""Full names: the words that are names, their order, and their case."""

import re
from dataclasses import dataclass
from typing import Literal

from .unicode import compose

# Between words: blanks, punctuation, and hyphens with blanks around them.
_BETWEEN = re.compile(r"""((?:[\s,，،、;:/|()\[\]{}<>"“”„«»&+*!?–—]|(?<!\S)-(?!\S))+)""")
_COMMAS = re.compile("[,，،]")
_ROMAN = re.compile("X{0,3}(?:IX|IV|V?I{0,3})|x{0,3}(?:ix|iv|v?i{0,3})")
# The first letter of a word, and the letter after a hyphen or apostrophe.
_INITIAL = re.compile("(?:^|(?<=[-'’])).")

Position = Literal["first", "last", "only"]


@dataclass(frozen=True)
class FullName:
    """The words of a value and what is between them.

    Parameters
    ----------
    parts : list of str
        Words at even indices, which may be empty, and the text between them.
    names : list of int
        The indices of the words that are names, the last name at the end. The other words are
        lower-case words between capitalised ones, words that end in a full stop, such as Dr. and
        Dipl.-Ing., single letters and Roman numerals. If all are such words, all are names.
    """

    parts: list[str]
    names: list[int]

    @property
    def words(self) -> list[tuple[Position, str]]:
        """The words that are names, each after its position."""
        last: Position = "last" if len(self.names) > 1 else "only"
        return [(last if i == self.names[-1] else "first", self.parts[i]) for i in self.names]

    def replace(self, words: list[str]) -> str:
        """Return the value with other words for its names."""
        parts = self.parts.copy()
        for index, word in zip(self.names, words, strict=True):
            parts[index] = word
        return "".join(parts)


def split_full_name(value: str) -> FullName:
    """Find the names in a value. A comma turns the order around, as in "Ferreira, Edgar"."""
    parts = _BETWEEN.split(value)
    words = [i for i in range(0, len(parts), 2) if parts[i]]
    comma = next((i for i in range(1, len(parts), 2) if _COMMAS.search(parts[i])), len(parts))
    ordered = [i for i in words if i > comma] + [i for i in words if i < comma]
    capitals = [i for i in ordered if not _is_lower(parts[i])]
    if capitals and len(capitals) < len(ordered):
        low, high = ordered.index(capitals[0]), ordered.index(capitals[-1])
        ordered = [i for n, i in enumerate(ordered) if i in capitals or not low < n < high]
    numerals = [i for i in words[1:] if _ROMAN.fullmatch(parts[i])]
    names = [i for i in ordered if not (i in numerals or _is_short_form(parts[i]))]
    return FullName(parts, names or ordered)


def is_word(name: str) -> bool:
    """Return whether a name is one word that is a name in any case and beside other words."""
    return _BETWEEN.search(name) is None and not (
        name == "" or _is_short_form(name) or _ROMAN.fullmatch(name.lower())
    )


def word_parts(word: str) -> list[str]:
    """Return the parts of a word at hyphens and apostrophes, without single letters."""
    return [part for part in re.split("[-'’]", word) if len(part) > 1]


def forms_of(word: str) -> tuple[str, str, str]:
    """Return a word as it is, in lower case and in upper case. A capital begins the first form."""
    lower, upper = compose(word.lower()), compose(word.upper())
    if word in (lower, upper):
        word = compose(_INITIAL.sub(lambda match: match[0].title(), lower))
    return word, lower, upper


def _is_lower(word: str) -> bool:
    return word == word.lower() and forms_of(word)[0] != word


def _is_short_form(word: str) -> bool:
    """Return whether a word is a single letter of a script with cases, or an abbreviation."""
    if len(word) == 1:
        return word.lower() != word.upper()
    return all(part.endswith(".") for part in word.split("-"))
