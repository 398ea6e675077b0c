"""Detect and fix suspicious entries in a list of names."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from itertools import chain, islice, pairwise, permutations
from typing import Any, NamedTuple

from sklearn.utils import check_consistent_length

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
# Letters of scripts that look alike, for character classes: Latin, Greek and Cyrillic.
_SCRIPTS = "A-Za-z\xc0-\u024f\u1e00-\u1eff", "\u0370-\u03ff\u1f00-\u1fff", "\u0400-\u052f"
_TWO_SCRIPTS = re.compile("|".join(f"[{a}][{b}]" for a, b in permutations(_SCRIPTS, 2)))
# Bullets and a number before a name that has letters (or, after bullets, digits).
_BULLETS = re.compile(r"^(?:[•▪●◦‣] ?|[-–—*] )+(?=.*[^\W_])")
_NUMBER = re.compile(r"^(\d{1,9})[.)](?: |(?!\d))(?=.*[^\W\d_])")
_QUOTES = {'""', "''", "“”", "„“", "„”", "‘’", "‚‘", "«»", "»«", "‹›"}

# Names by their row. The rows of dropped names are missing.
_Rows = dict[int, str]


class NamesWarning(UserWarning):
    """Warning about suspicious entries in a list of names."""


class CleanNames(NamedTuple):
    """What `clean_names` returns.

    Attributes
    ----------
    names : list of str
    labels : list, or None
    report : dict of str to int
    """

    names: list[str]
    labels: list[Any] | None
    report: dict[str, int]


def _is_mojibake(name):
    """Return whether UTF-8 was read as Latin-1 or Windows-1252."""
    if not re.search("[\xc2-\xf4][^\0-\x7f\xc0-\xff]", name):  # the first bytes of a character
        return False
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


def _fix(fix: Callable[[str], str], rows: _Rows, _: int) -> _Rows:
    """Fix each name by itself. Names with mojibake stay, because ftfy needs all characters."""
    return {row: x if _is_mojibake(x) else fix(x) for row, x in rows.items()}


def _drop(matches: Callable[[str], object], rows: _Rows, n_names: int) -> _Rows:
    """Drop the names that match, unless they are half of the list or more."""
    others = {row: name for row, name in rows.items() if not matches(name)}
    return others if 2 * (len(rows) - len(others)) < n_names else rows


def _without_numbers(rows, n_names):
    """Remove the numbers before names if they count up, or start again at 1.

    The numbers of "1. FC Köln" and "1. FC Nürnberg" stay.
    """
    numbers = [int(match[1]) for match in map(_NUMBER.match, rows.values()) if match]
    count_up = all(after > before or before > after == 1 for before, after in pairwise(numbers))
    return _fix(partial(_NUMBER.sub, ""), rows, 0) if len(numbers) > 1 and count_up else rows


def _unquoted(name):
    """Return a name without quotes around it. Names with the same quotes inside do not change."""
    inside = name[1:-1]
    is_quoted = name[:1] + name[-1:] in _QUOTES and not {name[0], name[-1]} & {*inside}
    return inside.strip() if is_quoted and any(map(str.isalnum, inside)) else name


# Steps of `clean_names` before the conversion of case, by the kind of change.
_STEPS: dict[str, Callable[[_Rows, int], _Rows]] = {
    "invisible": partial(_fix, lambda name: name.translate(_INVISIBLE)),
    "blanks": partial(_fix, lambda name: " ".join(name.split())),
    "comments": partial(_drop, re.compile("#+ ").match),
    "bullets": partial(_fix, partial(_BULLETS.sub, "")),
    "numbers": _without_numbers,
    "quotes": partial(_fix, _unquoted),
    "composed": partial(_fix, compose),
    "empty": lambda rows, _: {row: x for row, x in rows.items() if x and x not in _MISSING},
    # Symbols from U+2190 on, such as emojis, may be names.
    "punctuation": partial(_drop, re.compile(r"(?:[^\w\u2190-\U0010ffff]|_)+").fullmatch),
}
_CASES = {"title": _title, "lower": str.lower, "upper": str.upper}
# Errors that `clean_names` reports, but does not fix.
_GARBLED: dict[str, Callable[[str], object]] = {
    "mojibake": _is_mojibake,
    "HTML entities": re.compile(r"&#?\w+;").search,
    "full-width forms": re.compile(r"[\uff01-\uff5e]").search,
    "U+FFFD, which replaces unreadable characters": lambda name: "\ufffd" in name,
}
# What may be intended, and probably is if at least half of the names have it.
_AMBIGUOUS: dict[str, Callable[[str], object]] = {
    "# in front": lambda name: name.startswith("#"),
    "note in parentheses": re.compile(r".*[(\[].*[)\]]").match,
    "comma": lambda name: "," in name,
    "semicolon": re.compile("[^&]*;").match,  # without HTML entities
    "digits only": str.isdigit,
}
# What to do about names that `clean_names` fixes, about garbled names, and about others.
ADVICE = (
    "sknamegen.datasets.clean_names fixes",
    "Garbled (read the file in its encoding, or use ftfy.fix_text)",
    "Maybe intended (if all are, ignore warnings of category sknamegen.datasets.NamesWarning)",
)


def _clean(names, case=None):
    """Return the cleaned names by row, and the names that change, by the kind of change."""
    entries, changed = dict(enumerate(map(str, names))), {}  # without str_ of numpy
    plain = {i: x for i, x in entries.items() if x.isascii() and x.isalpha() and x not in _MISSING}
    rows = entries if case else {i: x for i, x in entries.items() if i not in plain}
    steps = _STEPS | {"case": partial(_fix, lambda x: compose(_CASES[case](x)) if case else x)}
    for kind, step in steps.items():
        before, rows = rows, step(rows, len(entries))
        if different := [name for row, name in before.items() if rows.get(row) != name]:
            changed[kind] = different
    return dict(sorted((plain | rows).items())), changed


def _warn(names, fixable):
    """Warn about names without fixable entries, which are listed separately."""
    candidates = [name for name in names if not (name.isascii() and name.isalpha())]
    garbled = {kind: [*filter(matches, candidates)] for kind, matches in _GARBLED.items()}
    others = {kind: [*filter(matches, candidates)] for kind, matches in _AMBIGUOUS.items()}
    others = {kind: matches for kind, matches in others.items() if 2 * len(matches) < len(names)}
    others["number in front"] = [*filter(_NUMBER.match, candidates)]
    others["two scripts in a word"] = [*filter(_TWO_SCRIPTS.search, candidates)]
    others["heading"] = [x for x in names[:1] if len(names) > 1 and x.casefold() in _HEADINGS]
    capitals = [name for name in names if len(name) > 1 and name.isupper()]
    mixed = {name for name in names if not name.isupper()}
    others["repeated in capitals"] = [x for x in capitals if {_title(x), x.lower()} & mixed]
    others["text in place of names"] = [x for x in names if len(x) > 200 and len(names) == 1]
    message = ""
    for action, kinds in zip(ADVICE, (fixable, garbled, others), strict=True):
        counts = [f"{k} ({len(x):,}, such as {shorten(x[0], 40)})" for k, x in kinds.items() if x]
        message += f" {action}: {'; '.join(counts)}." * bool(counts)
    if message:
        warn_user(f"The list contains suspicious names.{message}", NamesWarning)
    characters = Counter(chain.from_iterable(names))
    frequencies = [n for character, n in characters.items() if category(character) == "Lo"]
    n_single = frequencies.count(1)
    if 2 * n_single > len(frequencies) > _MIN_LETTERS:
        warn_user(
            f"The list has {len(frequencies):,} different letters, of which {n_single:,} occur only"
            " once. Such a script needs more names, or new names will repeat a few letters.",
            NamesWarning,
        )


def warn_about_suspicious_names(names: list[str]) -> None:
    """Warn if the first 100,000 names contain suspicious entries."""
    rows, changed = _clean(islice(names, 100_000))
    changed.pop("composed", None)  # the vectorizer composes names, too
    _warn([*rows.values()], changed)


def clean_names(
    names: Iterable[object], y: Iterable[object] | None = None, *, case: str | None = None
) -> CleanNames:
    r"""Clean a list of names.

    The function fixes and drops entries that cannot be intended. It only reports others.

    Parameters
    ----------
    names : iterable of str, None or NaN
    y : iterable, default=None
        Labels of the names. The labels of dropped names are dropped, too.
    case : {None, "title", "lower", "upper"}, default=None
        "title" changes "MARIA" and "maria" to "Maria", and "O'NEILL" to "O'Neill". It does not
        change names in mixed case. "lower" and "upper" convert all names. None: no conversion.

    Returns
    -------
    cleaned : CleanNames
        A named tuple of `names`, a list of str, their `labels`, a list or None if no labels are
        given, and `report`, a dict of str to int: the number of changed or dropped names for each
        kind of change that occurred, see Notes.

    Warns
    -----
    NamesWarning
        If the first 100,000 cleaned names contain garbled names: mojibake (``FranÃ§ois``), HTML
        entities (``O&#39;Brien``), full-width forms (``\uff21nna``) or U+FFFD. The function does
        not fix them. Read the file in its encoding. The package ftfy fixes the first three:
        ``clean_names(map(ftfy.fix_text, names))``.

        Also about entries that may be intended: a heading, a number in front (``1. Anna``), a note
        in parentheses, a comma, a semicolon, digits only, ``#`` in front, a name repeated in
        capitals, or a word with letters of two of the scripts Latin, Greek and Cyrillic
        (``\u0410nna``).

    Raises
    ------
    TypeError
        If `names` is a str, or an entry is not a str, None or NaN.
    ValueError
        If `case` has an invalid value, or the numbers of names and labels differ.

    Notes
    -----
    These kinds of changes are applied in this order, except to names with mojibake:

    * "invisible": remove invisible characters.
    * "blanks": remove surrounding whitespace, and replace other whitespace with single spaces.
    * "comments": drop names that begin with ``#`` and a space, unless half of the names do.
    * "bullets": remove bullets, and dashes and asterisks before a space (``- Anna``).
    * "numbers": remove numbers followed by a full stop or a parenthesis (``1. Anna``), if there are
      at least two, and each is greater than the one before or starts again at 1. The numbers of
      "1. FC Köln" and "1. FC Nürnberg" stay.
    * "quotes": remove quotes around a name, unless it contains the same quotes.
    * "composed": compose letters and accents (NFC).
    * "empty": drop names that are empty, None, NaN, or a placeholder for a missing value, such as
      "nan" or "NULL".
    * "punctuation": drop names of punctuation only (``???``), unless half of the names are.
    * "case": convert to `case`.

    Examples
    --------
    >>> from sknamegen.datasets import clean_names
    >>> cleaned = clean_names(["Maria ", "MARIA", "", "Zoe\u0308", "Ana  Luz"], case="title")
    >>> cleaned.names, cleaned.report
    (['Maria', 'Maria', 'Zoë', 'Ana Luz'], {'blanks': 2, 'composed': 1, 'empty': 1, 'case': 1})
    >>> names, labels, _ = clean_names(["# elves", "- Elowen", '"Borin"'], ["elf", "elf", "dwarf"])
    >>> names, labels
    (['Elowen', 'Borin'], ['elf', 'dwarf'])
    """
    check_option("case", case, (None, *_CASES))
    if isinstance(names, str):
        raise TypeError(f"names must be an iterable of str. Got the single str {names!r:.80}.")
    entries = ["" if x is None or (isinstance(x, float) and x != x) else x for x in names]
    for row, entry in enumerate(entries):
        if not isinstance(entry, str):
            raise TypeError(f"names may only contain str, None or NaN. Got {entry!r} in row {row}.")
    labels = None if y is None else list(y)
    check_consistent_length(entries, labels)
    rows, changed = _clean(entries, case)
    cleaned = [*rows.values()]
    _warn(cleaned[:100_000], {})
    report = {kind: len(before) for kind, before in changed.items()}
    return CleanNames(cleaned, None if labels is None else [labels[row] for row in rows], report)
