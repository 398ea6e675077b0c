"""Extended grapheme clusters, the code point sequences that readers perceive as characters [1]_.

A mark belongs to the letter before it, two regional indicators form a flag, and a joiner connects
its neighbours. A name consists of complete clusters, and its length is their number.

References
----------
.. [1] M. Davis and C. Chapman, "Unicode Text Segmentation", Unicode Standard Annex #29.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np

from .._types import Ints

# Roles of code points. Roles outside _START continue a cluster.
_ROLES = (
    dict.fromkeys("\u0e33\u0eb3\uff9e\uff9f", "mark")  # letters that act as marks
    # Hangul vowels and finals, and skin tones
    | dict.fromkeys(map(chr, [*range(0x1160, 0x1200), *range(0x1F3FB, 0x1F400)]), "mark")
    | dict.fromkeys("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d", "linker")  # viramas
    | {"\u200d": "joiner", "\u200c": "non-joiner", "\ufe0f": "selector", "\u20e3": "keycap"}
    | dict.fromkeys(map(chr, range(0x1F1E6, 0x1F200)), "flag")  # regional indicators
    | dict.fromkeys(map(chr, range(0xE0020, 0xE007F)), "tag")
    | {"\U000e007f": "last tag"}
    | dict.fromkeys("0123456789#*", "digit")
    # Marks before their base, such as the Arabic number sign
    | dict.fromkeys("\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd", "prefix")
    | dict.fromkeys(map(chr, range(0x600, 0x606)), "prefix")
)
# Maximum mean number of code points per character in a name.
MAX_CODE_POINTS = 16

# The next state for each state and role. State names describe the last role. Names may end in the
# states in _COMPLETE.
_START = {role: role for role in ("letter", "other", "picture", "digit")}
_START |= {"blank": "", "flag": "half a flag", "prefix": "prefixed"}
_MARKED = dict.fromkeys(("mark", "linker", "selector"), "other")
_MARKED |= dict.fromkeys(("non-joiner", "joiner"), "letter joined") | _START
_TRANSITIONS = {
    "": _START,
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
    "prefixed": {role: state for role, state in _START.items() if role != "blank"},
}
_COMPLETE = "", "other", "letter", "linked", "digit", "picture"
# Pairs of state and role in which a role in _START continues the cluster.
_CONTINUES = {("linked", "letter"), ("linked and joined", "letter"), ("half a flag", "flag")}
_CONTINUES |= {("picture joined", "picture"), *(("prefixed", role) for role in _START)}


def _role(character: str) -> str:
    category = unicodedata.category(character)
    majors = {"L": "letter", "N": "letter", "M": "mark", "Z": "blank"}
    other = "picture" if category in ("So", "Sm") else "other"
    return _ROLES.get(character, majors.get(category[0], other))


class Clusters:
    """Automaton that checks whether names are complete and counts their clusters.

    Parameters
    ----------
    characters : sequence of str
        The code points in the names.

    Attributes
    ----------
    classes : ndarray of shape (n_characters,), dtype int64
        The class of each code point. All code points of a class have the same effect.
    transitions : ndarray of shape (n_states, n_classes), dtype int32
        The next state, or -1 if the code point cannot follow. The initial state is 0.
    starts_cluster : ndarray of shape (n_states + 1, n_classes), dtype bool
        Whether the code point starts a cluster. The last row is for a dead state.
    is_complete : ndarray of shape (n_states,), dtype bool
        Whether a name may end in the state.
    one_code_per_cluster : bool
        Whether every code point is a cluster. If so, there is only one state.
    """

    def __init__(self, characters: Sequence[str]):
        roles = list(map(_role, characters))
        self.one_code_per_cluster = set(roles) <= {*_START} - {"flag", "prefix"}
        if self.one_code_per_cluster:  # a blank does not change the state
            roles = ["blank"] * len(roles)
        states, used = [""], dict.fromkeys(roles)
        for state in states:  # the list grows
            after = (_TRANSITIONS[state].get(role, state) for role in used)
            states += [target for target in dict.fromkeys(after) if target not in states]
        number: dict[str | None, int] = {state: i for i, state in enumerate(states)}
        transitions = [[number.get(_TRANSITIONS[s].get(r), -1) for r in roles] for s in states]
        starts = [[r in _START and (s, r) not in _CONTINUES for r in roles] for s in [*states, ""]]
        columns, classes = np.unique(np.vstack([transitions, starts]), axis=1, return_inverse=True)
        self.classes = classes.reshape(-1)
        self.transitions = columns[: len(states)]
        self.starts_cluster = columns[len(states) :] > 0
        self.is_complete = np.array([state in _COMPLETE for state in states])
        # A code point that cannot follow is read as in the initial state.
        restarts = np.maximum(self.transitions[0], 0)
        self._lenient_transitions = np.where(self.transitions < 0, restarts, self.transitions)

    def lengths(self, rows: Ints) -> Ints:
        """Count the clusters in rows of indices. Unknown characters have larger indices."""
        lengths, states = np.zeros((2, len(rows)), dtype=np.int64)
        n_characters = len(self.classes)
        for column in rows.T:
            is_known = (column >= 0) & (column < n_characters)
            known = self.classes[np.where(is_known, column, 0)]
            # Unknown characters are clusters, as are continuations at the start.
            is_start = self.starts_cluster[states, known] | (lengths == 0)
            lengths += np.where(is_known, is_start, column >= n_characters)
            states = np.where(is_known, self._lenient_transitions[states, known], states)
        return lengths
