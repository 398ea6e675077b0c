"""Detect and fix suspicious entries in a list of names."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain, permutations
from typing import Any

from .._text.codes import shorten
from .._text.unicode import category, compose
from .._validation import check_option, warn_user

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))
# Strings that other programs use for missing values. "Nan" is a name.
_MISSING = {"nan", "NaN", "NAN", "None", "none", "NULL", "null", "NA", "N/A", "n/a", "<NA>"}
# Headings of a list of names.
_HEADINGS = {"name", "names", "first name", "first_name", "firstname", "last name", "last_name"}
_HEADINGS |= {"lastname", "surname", "surnames", "given name", "full name", "vorname", "nachname"}
# Number of letters without case from which a list must have most of them more than once.
_MIN_LETTERS = 30
_WHITESPACE = "with leading, trailing or repeated whitespace"
# Letters of scripts that look alike, for character classes: Latin, Greek and Cyrillic.
_SCRIPTS = "A-Za-z\xc0-\u024f\u1e00-\u1eff", "\u0370-\u03ff\u1f00-\u1fff", "\u0400-\u052f"
_TWO_SCRIPTS = "|".join(f"[{first}][{second}]" for first, second in permutations(_SCRIPTS, 2))


class NamesWarning(UserWarning):
    """Warning about suspicious entries in a list of names."""


def _is_mojibake(name):
    """Return whether UTF-8 was read as Latin-1 or Windows-1252."""
    for encoding in ("latin-1", "cp1252"):
        with suppress(UnicodeError):
            return name.encode(encoding).decode("utf-8") != name
    return False


def _title(name):
    """Capitalize each word, except in mixed case. Combining marks do not end a word."""
    if not (name.isupper() or name.islower()):
        return name
    characters, is_inside = [], False
    for character in name:
        characters.append(character.lower() if is_inside else character.title())
        is_inside = character.isalpha() or (is_inside and category(character) == "M")
    return "".join(characters)


# Fixes of `clean_names`, in this order, by the kind of change.
_FIXES: dict[str, Callable[[str], str]] = {
    "invisible": lambda name: name.translate(_INVISIBLE),
    "blanks": lambda name: " ".join(name.split()),
    "composed": compose,
}
_CASES: dict[str | None, Callable[[str], str]]
_CASES = {None: str, "title": _title, "lower": str.lower, "upper": str.upper}
# Errors that `clean_names` reports, but does not fix.
_GARBLED: dict[str, Callable[[str], object]] = {
    "with mojibake": _is_mojibake,
    "with HTML entities": re.compile(r"&#?\w+;").search,
    "with full-width forms": re.compile(r"[\uff01-\uff5e]").search,
    "with a number in front": re.compile(r"\d+[.)]\s*[^\W\d]").match,
    "with two scripts in a word": re.compile(_TWO_SCRIPTS).search,
}
_SUSPICIOUS: dict[str, Callable[[str], object]] = _GARBLED | {
    "empty": lambda name: not name.strip(),
    _WHITESPACE: lambda name: name != _FIXES["blanks"](name) != "",
    "with invisible characters": lambda name: name != _FIXES["invisible"](name),
    "spelled like a missing value": lambda name: name in _MISSING,
    "with U+FFFD, which replaces unreadable characters": lambda name: "\ufffd" in name,
    "with a comma": lambda name: "," in name,
    "with digits only": str.isdigit,
}


_ADVICE = (
    "The model learns them unchanged. To fix them, use sknamegen.datasets.clean_names, or "
    "ftfy.fix_text for garbled names."
)


def warn_about_suspicious_names(names: list[str], is_cleaned: bool = False) -> None:
    """Warn once if the first 100,000 names contain suspicious entries.

    `is_cleaned` is for the names passed to `clean_names`, which fixes all entries but garbled ones.
    """
    title, checks, advice = "X", _SUSPICIOUS, _ADVICE
    if is_cleaned:
        title, checks = "names", _GARBLED
        advice = "clean_names does not fix them. Before clean_names, use ftfy.fix_text."
    checked = names[:100_000]
    suspects = {}
    distinct = set(checked)
    candidates = [n for n in checked if n in _MISSING or not (n.isascii() and n.isalpha())]
    for description, is_suspicious in checks.items():
        matches = list(filter(is_suspicious, candidates))
        # A property of most names is probably intended, except for these.
        if matches and (2 * len(matches) < len(checked) or description in (_WHITESPACE, *_GARBLED)):
            suspects[description] = matches
    if len(checked) > 1 and checked[0].strip().casefold() in _HEADINGS:
        suspects["like a heading"] = checked[:1]
    capitals = [name for name in checked if len(name) > 1 and name.isupper()]
    variants = [name for name in capitals if ({_title(name), name.lower()} - {name}) & distinct]
    if variants and not is_cleaned:
        suspects["in capitals that also occur in lower or title case"] = variants
    if len(names) == 1 and len(names[0]) > 200:
        suspects["as long as a text, although each name must be an item"] = names
    counts = [f"{len(x):,} {kind} (such as {shorten(x[0], 40)})" for kind, x in suspects.items()]
    characters = Counter(chain.from_iterable(checked))
    frequencies = [n for character, n in characters.items() if category(character) == "Lo"]
    n_single = sum(n == 1 for n in frequencies)
    if 2 * n_single > len(frequencies) > _MIN_LETTERS and not is_cleaned:
        warn_user(
            f"X has {len(frequencies):,} different letters, of which {n_single:,} occur only "
            "once. A script with so many letters needs more names, or new names will repeat a "
            "few of them.",
            NamesWarning,
        )
    if counts:
        warn_user(
            f"{title} contains suspicious names: {'; '.join(counts)}. {advice} If they are "
            "intended, ignore warnings of category sknamegen.datasets.NamesWarning.",
            NamesWarning,
        )


def clean_names(
    names: Iterable[Any], *, case: str | None = None
) -> tuple[list[str], dict[str, int]]:
    r"""Clean a list of names.

    The function always composes letters and accents (NFC), removes invisible characters and
    surrounding whitespace, and collapses repeated whitespace into a single space. It then drops
    names that are empty, None, NaN, or a placeholder for a missing value, such as "nan" or "NULL".

    Parameters
    ----------
    names : iterable of str, None or NaN
    case : {None, "title", "lower", "upper"}, default=None
        "title" changes "MARIA" and "maria" to "Maria", and "O'NEILL" to "O'Neill". It does not
        change names in mixed case. "lower" and "upper" convert all names. None: no conversion.

    Returns
    -------
    names : list of str
    changes : dict of str to int
        Number of changed or dropped names for each kind of change that occurred.

    Warns
    -----
    NamesWarning
        If the first 100,000 names contain mojibake (``FranÃ§ois``), HTML entities
        (``O&#39;Brien``), full-width forms (``\uff21nna``), a number in front (``1. Anna``), or a
        word with letters of two of the scripts Latin, Greek and Cyrillic (``\u0410nna``), or if the
        first name is a heading, such as "Name". The function does not fix them. The package ftfy
        fixes the first three: ``clean_names(map(ftfy.fix_text, names))``.

    Raises
    ------
    TypeError
        If `names` is a str, or an entry is not a str, None or NaN.
    ValueError
        If `case` has an invalid value.

    Examples
    --------
    >>> from sknamegen.datasets import clean_names
    >>> clean_names(["Maria ", "MARIA", "", "nan", "Zoe\u0308", "Ana  Luz"], case="title")
    (['Maria', 'Maria', 'Zoë', 'Ana Luz'], {'blanks': 2, 'composed': 1, 'case': 1, 'empty': 2})
    """
    check_option("case", case, (*_CASES,))
    if isinstance(names, str):
        raise TypeError(f"names must be an iterable of str. Got the single str {names!r:.80}.")
    steps = _FIXES | {"case": lambda name: compose(_CASES[case](name))}
    changes = dict.fromkeys([*steps, "empty"], 0)
    entries = list(names)
    cleaned = []
    for row, entry in enumerate(entries):
        is_missing = entry is None or (isinstance(entry, float) and entry != entry)
        if not is_missing and not isinstance(entry, str):
            raise TypeError(f"names may only contain str, None or NaN. Got {entry!r} in row {row}.")
        name = "" if is_missing else entry
        for step, fix in steps.items():
            before, name = name, fix(name)
            changes[step] += name != before
            if name in _MISSING and step != "case":  # "Nan" is a name
                name = ""
        if name:
            cleaned.append(name)
        else:
            changes["empty"] += 1
    warn_about_suspicious_names([x for x in entries if isinstance(x, str)], is_cleaned=True)
    return cleaned, {change: n for change, n in changes.items() if n}
