"""What people call a character: extended grapheme clusters of code points [1]_.

A mark belongs to the letter before it, two halves make a flag, a joiner holds together what stands
on its sides. A name is made of whole ones; lengths count them.

References
----------
.. [1] M. Davis and C. Chapman, "Unicode Text Segmentation", Unicode Standard Annex #29.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Roles of code points. The first ones begin a cluster, the others go on with one.
_LETTER, _OTHER, _BLANK, _PICTURE, _DIGIT, _FLAG = (
    "letter",
    "other",
    "blank",
    "picture",
    "digit",
    "flag",
)
_BEGINNING = _LETTER, _OTHER, _BLANK, _PICTURE, _DIGIT, _FLAG
_MARK, _LINKER, _JOINER, _NON_JOINER = "mark", "linker", "joiner", "non-joiner"
_SELECTOR, _KEYCAP, _TAG, _LAST_TAG = "selector", "keycap", "tag", "last tag"
_ROLES = (
    dict.fromkeys("\u0e33\u0eb3\uff9e\uff9f", _MARK)  # letters that count as marks
    | dict.fromkeys(map(chr, range(0x1F3FB, 0x1F400)), _MARK)  # tones of skin
    | dict.fromkeys(map(chr, range(0x1160, 0x1200)), _MARK)  # what follows the first jamo
    | dict.fromkeys("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d", _LINKER)  # viramas
    | {"\u200d": _JOINER, "\u200c": _NON_JOINER, "\ufe0f": _SELECTOR, "\u20e3": _KEYCAP}
    | dict.fromkeys("0123456789#*", _DIGIT)
)
# A character has so many code points at most, on average over a name.
MAX_CODE_POINTS = 16

# What may follow what. A state is named after what was read last; names may end in those of _WHOLE.
_BEGIN = {
    _LETTER: "letter",
    _OTHER: "other",
    _BLANK: "",
    _PICTURE: "picture",
    _DIGIT: "digit",
    _FLAG: "half a flag",
}
_MARKED = {
    _MARK: "other",
    _LINKER: "other",
    _SELECTOR: "other",
    _NON_JOINER: "letter joined",
    _JOINER: "letter joined",
}
_AFTER = {
    "": _BEGIN,
    "other": _BEGIN | _MARKED,
    "letter": _BEGIN | _MARKED | {_MARK: "letter", _SELECTOR: "letter", _LINKER: "linked"},
    "linked": _BEGIN | _MARKED | {_MARK: "linked", _LINKER: "linked", _JOINER: "linked and joined"},
    "digit": _BEGIN | _MARKED | {_SELECTOR: "digit", _KEYCAP: "other"},
    "picture": _BEGIN
    | _MARKED
    | {_MARK: "picture", _SELECTOR: "picture", _JOINER: "picture joined", _TAG: "tagged"},
    "letter joined": {_LETTER: "letter"},
    "linked and joined": {_LETTER: "letter"},
    "picture joined": {_PICTURE: "picture"},
    "half a flag": {_FLAG: "other"},
    "tagged": {_TAG: "tagged", _LAST_TAG: "other"},
}
_STATES = list(_AFTER)
_WHOLE = "", "other", "letter", "linked", "digit", "picture"
# What goes on with the cluster before although it could begin one.
_GOES_ON = {
    ("linked", _LETTER),
    ("linked and joined", _LETTER),
    ("picture joined", _PICTURE),
    ("half a flag", _FLAG),
}


def _role(unit):
    if unit in _ROLES:
        return _ROLES[unit]
    category = unicodedata.category(unit)
    if category[0] in "LMN":
        return _MARK if category[0] == "M" else _LETTER
    name = unicodedata.name(unit, "")
    if name == "CANCEL TAG":
        return _LAST_TAG
    if name.startswith("TAG "):
        return _TAG
    if name.startswith("REGIONAL INDICATOR"):
        return _FLAG
    if category in ("So", "Sm"):
        return _PICTURE
    return _BLANK if category[0] == "Z" else _OTHER


class Clusters:
    """Reads names of some code points, and tells where they are whole and how long they are.

    Parameters
    ----------
    letters : sequence of str
        The code points.

    Attributes
    ----------
    after : ndarray of shape (n_states, n_letters), dtype int32
        The state after each code point, -1 where it cannot follow. A name begins in state 0.
    begins : ndarray of shape (n_states, n_letters), dtype bool
        Whether the code point begins a cluster.
    is_whole : ndarray of shape (n_states,), dtype bool
        Whether a name may end in a state.
    is_trivial : bool
        Whether each code point is a cluster whatever stands before it: there is one state.
    """

    def __init__(self, letters: Sequence[str]):
        roles = list(map(_role, letters))
        self.is_trivial = set(roles) <= {*_BEGINNING} - {_FLAG}
        states = _STATES[:1] if self.is_trivial else _STATES
        self.after = np.zeros((len(states), len(roles)), dtype=np.int32)
        self.begins = np.ones(self.after.shape, dtype=bool)
        if not self.is_trivial:
            each = [[_AFTER[state].get(role) for role in roles] for state in states]
            self.after[:] = [[-1 if s is None else _STATES.index(s) for s in row] for row in each]
            self.begins[:] = [
                [role in _BEGINNING and (state, role) not in _GOES_ON for role in roles]
                for state in states
            ]
        self.is_whole = np.array([state in _WHOLE for state in states])
        # What cannot follow is read as if it stood at the beginning.
        self._read = np.where(self.after < 0, np.maximum(self.after[0], 0), self.after)

    def lengths(self, rows: NDArray[np.int32]) -> NDArray[np.int64]:
        """Count the clusters of rows of indices of letters; greater ones are unknown."""
        lengths, states = np.zeros((2, len(rows)), dtype=np.int64)
        n_letters = self.after.shape[1]
        for column in rows.T:
            is_read = (column >= 0) & (column < n_letters)
            # An unknown one, and what goes on with nothing, count.
            lengths += column >= n_letters
            column = np.where(is_read, column, 0)
            lengths += is_read & ~self.begins[states, column] & (lengths == 0)
            lengths += self.begins[states, column] & is_read
            states = np.where(is_read, self._read[states, column], states)
        return lengths


def n_clusters(text: str) -> int:
    """Count the clusters of a text."""
    letters = sorted(set(text))
    clusters = Clusters(letters)
    if clusters.is_trivial:
        return len(text)
    row = np.array([[letters.index(letter) for letter in text]], dtype=np.int32)
    return int(clusters.lengths(row)[0])
