"""What is odd in a list of names, and what of it can be mended."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from ._alphabet import category, compose
from ._validation import check_option, warn_user

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))
# What other programs write where there is nothing; "Nan" is a name.
_NOTHING = {"nan", "NaN", "NAN", "None", "none", "NULL", "null", "NA", "N/A", "n/a", "<NA>"}
_N_LOOKED_AT = 100_000


class NamesWarning(UserWarning):
    """A list of names holds entries that are seldom meant."""


def _with_single_blanks(name):
    return " ".join(name.split())


def _without_invisible(name):
    return name.translate(_INVISIBLE)


_ODD: dict[str, Callable[[str], bool]] = {
    "empty": lambda name: not name.strip(),
    "with blanks at an edge or in a row": lambda name: name != _with_single_blanks(name) != "",
    "with invisible characters": lambda name: name != _without_invisible(name),
    "that say there is no name": lambda name: name in _NOTHING,
    "with U+FFFD, which stands for what could not be read": lambda name: "\ufffd" in name,
    "with a comma": lambda name: "," in name,
    "of digits only": str.isdigit,
}


def warn_of_odd_names(names: list[str]) -> None:
    """Warn once if some of the names, the first 100,000, are seldom meant."""
    some = list(islice(names, _N_LOOKED_AT))
    known, found = set(some), {}
    suspects = [name for name in some if name in _NOTHING or not name.isalpha()]
    for what, is_odd in _ODD.items():
        odd = list(filter(is_odd, suspects))
        # Where most are like that, it is meant.
        if odd and (2 * len(odd) < len(some) or "blanks" in what):
            found[what] = odd
    capitals = [name for name in some if len(name) > 1 and name.isupper()]
    doubled = [name for name in capitals if ({_title(name), name.lower()} - {name}) & known]
    if doubled:
        found["in capitals beside the same in small letters"] = doubled
    if found:
        each = (f"{len(odd):,} {what} (such as {odd[0]!r})" for what, odd in found.items())
        warn_user(
            f"X holds names that are seldom meant: {'; '.join(each)}. They are learned like the "
            "others. sknamegen.datasets.clean_names mends what is safe to mend; filter "
            "sknamegen.datasets.NamesWarning if they are meant.",
            NamesWarning,
        )


def clean_names(
    names: Iterable[Any],
    *,
    case: str | None = None,
    drop_duplicates: bool = False,
    drop_digits: bool = False,
) -> tuple[list[str], dict[str, int]]:
    r"""Mend what is safe to mend in a list of names, and what is asked for.

    Always: letters are composed with their accents (NFC), blanks around names are taken away, and
    those in a row made one, invisible characters are taken away, and what is then empty, or
    None or NaN, or a word for that such as "nan" or "NULL", is dropped.

    Parameters
    ----------
    names : iterable of str, None or NaN
    case : {None, "title", "lower", "upper"}, default=None
        None: as they are. "title": "MARIA" and "maria" become "Maria", and "O'NEILL" "O'Neill", but
        names that have small letters and capitals stay as they are.
    drop_duplicates : bool, default=False
        Whether to keep each name once. How often a name stands in a list is what generators
        learn its frequency from.
    drop_digits : bool, default=False
        Whether to drop names that hold a digit.

    Returns
    -------
    names : list of str
    changes : dict of str to int
        What was done, and to how many names: only what was.

    Raises
    ------
    TypeError
        If an entry is neither a str nor None nor NaN.

    Examples
    --------
    >>> from sknamegen.datasets import clean_names
    >>> clean_names(["Maria ", "MARIA", "", "nan", "Zoe\u0308", "Ana  Luz"], case="title")
    (['Maria', 'Maria', 'Zoë', 'Ana Luz'], {'blanks': 2, 'composed': 1, 'case': 1, 'empty': 2})
    """
    check_option("case", case, (None, "title", "lower", "upper"))
    check_option("drop_duplicates", drop_duplicates)
    check_option("drop_digits", drop_digits)
    steps: dict[str, Callable[[str], str]] = {
        "invisible": _without_invisible,
        "blanks": _with_single_blanks,
        "composed": compose,
        "case": lambda name: name if case is None else compose(_in_case(name, case)),
    }
    changes = dict.fromkeys([*steps, "empty", "digits", "duplicates"], 0)
    cleaned: list[str] = []
    for row, entry in enumerate(names):
        is_missing = entry is None or (isinstance(entry, float) and entry != entry)
        if not is_missing and not isinstance(entry, str):
            raise TypeError(f"names must hold str, None or NaN. Got {entry!r} in row {row}.")
        name = "" if is_missing else entry
        for step, mend in steps.items():
            before, name = name, mend(name)
            changes[step] += name != before
            if name in _NOTHING:
                name = ""
        if not name:
            changes["empty"] += 1
        elif drop_digits and any(map(str.isdigit, name)):
            changes["digits"] += 1
        else:
            cleaned.append(name)
    if drop_duplicates:
        n_before = len(cleaned)
        cleaned = list(dict.fromkeys(cleaned))
        changes["duplicates"] = n_before - len(cleaned)
    return cleaned, {what: n for what, n in changes.items() if n}


def _in_case(name, case):
    if case != "title":
        return name.lower() if case == "lower" else name.upper()
    return _title(name) if name.isupper() or name.islower() else name


def _title(name):
    """Begin each word with a capital; marks are no ends of words, as for `str.title`."""
    letters, is_inside = [], False
    for letter in name:
        letters.append(letter.lower() if is_inside else letter.title())
        is_inside = letter.isalpha() or (is_inside and category(letter) == "M")
    return "".join(letters)
