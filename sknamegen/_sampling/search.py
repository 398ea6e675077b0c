"""Best-first search for the most probable names."""

from heapq import heappop, heappush
from itertools import compress
from typing import Any

import numpy as np

from .._parallel import BLOCK_CELLS
from .._types import Floats
from .lookahead import Lookahead
from .source import Source, Steps

# Maximum number of character probabilities computed in a search. This takes a few seconds.
_MAX_CELLS = 2**28


class Search:
    """Best-first search for the most probable names.

    The score of a prefix is the log of its probability times the lookahead. If the lookahead only
    shows what is possible, no name is more probable than the scores of its prefixes.

    Parameters
    ----------
    source : Source
        With one prefix.
    lookahead : Lookahead
    joint : ndarray of shape (n_labels,), dtype float64
        Log-probability of the prefix and each label.
    steps : list of Steps, default=None
        What the model predicts after these prefixes is appended to it.

    Attributes
    ----------
    n_expanded, max_expanded : int
        Number of expanded prefixes, and the limit at which callers should stop.
    """

    def __init__(
        self, source: Source, lookahead: Lookahead, joint: Floats, steps: list[Steps] | None = None
    ):
        self._source, self._lookahead, self._steps = source, lookahead, steps
        self._characters = np.array(source.corpus.alphabet.characters)
        row_cells = max(len(self._characters) * len(joint), 2**11)
        self._n_rows = max(1, BLOCK_CELLS // (2 * row_cells))
        self.n_expanded, self.max_expanded = 0, _MAX_CELLS // row_cells
        self._heap: list[Any] = []  # all prefixes differ, so ties are broken by the prefix
        (prefix,), (lengths, states) = source.prefixes, source.positions(lookahead)[:, 0]
        score = np.logaddexp.reduce(joint + lookahead.log_values(lengths, states), keepdims=True)
        self._push((prefix, [""], score, joint[:, None], lengths[:1], states[:, None], None))

    @property
    def best(self) -> float:
        """The score of the best prefix on the heap."""
        return -self._heap[0][0] if self._heap else -np.inf

    @property
    def log_rest(self) -> float:
        """The log of the total probability of all names not found, according to the lookahead."""
        pending = [siblings[2][place:] for _, _, place, siblings in self._heap]
        return float(np.logaddexp.reduce(np.concatenate([[-np.inf], *pending])))

    def step(self, threshold: float = -np.inf, n_rows: int = 2**9) -> tuple[list[str], Floats]:
        """Expand up to `n_rows` of the best prefixes.

        Prefixes with a score up to `threshold` are dropped. Returns the names found and their
        log-probabilities with each label, (n_names, n_labels).
        """
        end, lookahead = self._source.corpus.alphabet.end, self._lookahead
        best = list[Any]()
        while self._heap and len(best) < min(n_rows, self._n_rows):
            _, prefix, place, siblings = heappop(self._heap)
            self._push(siblings, place + 1)
            _, _, _, joints, lengths, states, parent = siblings
            best.append((prefix, parent, joints[:, place], lengths[place], states[:, place]))
        prefixes, parents, *arrays = zip(*best, strict=True)
        joints, lengths, states = map(np.array, arrays)
        self.n_expanded += len(prefixes)
        state, log_proba = self._source.read(prefixes, parents if all(parents) else None)
        keeps_state = self.n_expanded * len(joints[0]) <= 2**13  # states take much memory
        if self._steps is not None:
            self._steps.append(self._source.steps(prefixes, log_proba))
        joints = joints[:, :, None] + self._source.decoded(log_proba)
        may_end = lookahead.may_end(lengths, states[:, 0])
        next_lengths = lengths[:, None] + lookahead.automaton.starts_cluster[states[:, 0]]
        next_states = lookahead.automaton.after(states)  # (rows, labels, characters)
        ahead = lookahead.log_values(next_lengths[:, None], next_states)
        scores = np.logaddexp.reduce(joints + ahead, axis=1)
        scores[:, end] = -np.inf
        for row, prefix in enumerate(prefixes):
            columns = np.flatnonzero(scores[row] > threshold)
            columns = columns[np.argsort(-scores[row, columns], kind="stable")]
            position = next_lengths[row, columns], next_states[row][:, columns]
            log_probas = scores[row, columns], joints[row][:, columns]
            parent = (state, row) if keeps_state else None
            self._push((prefix, self._characters[columns], *log_probas, *position, parent))
        return list(compress(prefixes, may_end)), joints[may_end, :, end]

    def _push(self, siblings: tuple[Any, ...], place: int = 0) -> None:
        """Push the sibling at `place` onto the heap, if it exists. Later siblings wait.

        Siblings are a tuple of a prefix, its next characters (best first), their scores (n,), their
        log-probabilities with each label (n_labels, n), the lengths (n,) and states (n_labels, n)
        after them, and the model's state after the prefix, as for `Source.read`.
        """
        prefix, characters, scores, *_ = siblings
        if place < len(characters):
            heappush(self._heap, (-scores[place], prefix + characters[place], place, siblings))
