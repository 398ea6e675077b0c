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

# Roles of code points. Those of _BEGIN begin a cluster, the others continue one.
_ROLES = (
    dict.fromkeys("\u0e33\u0eb3\uff9e\uff9f", "mark")  # letters that count as marks
    | dict.fromkeys(map(chr, range(0x1F3FB, 0x1F400)), "mark")  # tones of skin
    | dict.fromkeys(map(chr, range(0x1160, 0x1200)), "mark")  # what follows the first jamo
    | dict.fromkeys("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d", "linker")  # viramas
    | {"\u200d": "joiner", "\u200c": "non-joiner", "\ufe0f": "selector", "\u20e3": "keycap"}
    | dict.fromkeys("0123456789#*", "digit")
)
# A character has so many code points at most, on average over a name.
MAX_CODE_POINTS = 16

# The state after a role, for each state. States are named after what was read last; names may end
# in those of _WHOLE.
_BEGIN = {role: role for role in ("letter", "other", "picture", "digit")}
_BEGIN |= {"blank": "", "flag": "half a flag"}
_MARKED = dict.fromkeys(("mark", "linker", "selector"), "other")
_MARKED |= dict.fromkeys(("non-joiner", "joiner"), "letter joined")
_MARKED |= _BEGIN
_AFTER = {
    "": _BEGIN,
    "other": _MARKED,
    "letter": _MARKED | {"mark": "letter", "selector": "letter", "linker": "linked"},
    "linked": _MARKED | {"mark": "linked", "linker": "linked", "joiner": "linked and joined"},
    "digit": _MARKED | {"selector": "digit", "keycap": "other"},
    "picture": _MARKED
    | {"mark": "picture", "selector": "picture", "joiner": "picture joined", "tag": "tagged"},
    "letter joined": {"letter": "letter"},
    "linked and joined": {"letter": "letter"},
    "picture joined": {"picture": "picture"},
    "half a flag": {"flag": "other"},
    "tagged": {"tag": "tagged", "last tag": "other"},
}
_STATES = list(_AFTER)
_WHOLE = "", "other", "letter", "linked", "digit", "picture"
# What continues the cluster before it although it could begin one.
_CONTINUES = {
    ("linked", "letter"),
    ("linked and joined", "letter"),
    ("picture joined", "picture"),
    ("half a flag", "flag"),
}


def _role(unit):
    if unit in _ROLES:
        return _ROLES[unit]
    category, name = unicodedata.category(unit), unicodedata.name(unit, "")
    if category[0] in "LMN":
        return "mark" if category[0] == "M" else "letter"
    if name == "CANCEL TAG":
        return "last tag"
    if name.startswith("TAG "):
        return "tag"
    if name.startswith("REGIONAL INDICATOR"):
        return "flag"
    if category in ("So", "Sm"):
        return "picture"
    return "blank" if category[0] == "Z" else "other"


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
        self.is_trivial = set(roles) <= {*_BEGIN} - {"flag"}
        states = _STATES[:1] if self.is_trivial else _STATES
        self.after = np.zeros((len(states), len(roles)), dtype=np.int32)
        self.begins = np.ones(self.after.shape, dtype=bool)
        if not self.is_trivial:
            each = [[_AFTER[state].get(role) for role in roles] for state in states]
            self.after[:] = [[-1 if s is None else _STATES.index(s) for s in row] for row in each]
            self.begins[:] = [
                [role in _BEGIN and (state, role) not in _CONTINUES for role in roles]
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
