"""Names that are probably one edit away from what was meant."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ._alphabet import END_UNIT, NONE
from ._learning import Knowledge
from ._models.model import NextCharModel, log_likelihood
from ._sequences import Sequences, name_sequences

# Names read at a time, fewer where letters are many: at each place of each name all are weighed.
_BLOCK_NAMES, _BLOCK_LETTERS = 1024, 2**19


def best_neighbours(
    model: NextCharModel,
    known: Knowledge,
    names: list[str],
    labels: NDArray[np.int32],
    n_letters: int,
) -> tuple[NDArray[np.float64], list[str]]:
    """Return the most probable neighbour of each name, and how much more probable it is, in nats.

    Neighbours are one edit away: a letter left out, two that change places, and of letters that are
    put in or in the place of another, the `n_letters` whose own probability gains most.
    """
    gains, corrections = np.empty(len(names)), list[str]()
    n_names = max(1, min(_BLOCK_NAMES, _BLOCK_LETTERS // len(known.alphabet_)))
    for start in range(0, len(names), n_names):
        block = slice(start, start + n_names)
        found = _of_block(model, known, names[block], labels[block], n_letters)
        gains[block] = found[0]
        corrections += found[1]
    return gains, corrections


def _of_block(model, known, names, labels, n_letters):
    neighbours, owners = [], []
    for owner, (name, letters) in enumerate(
        zip(names, _likely_letters(model, known, names, labels, n_letters), strict=True)
    ):
        found = {name[:i] + name[i + 1 :] for i in range(len(name))}
        found |= {name[:i] + name[i + 1] + name[i] + name[i + 2 :] for i in range(len(name) - 1)}
        for position, letter in letters:
            found.add(name[:position] + letter + name[position:])
            if position < len(name):
                found.add(name[:position] + letter + name[position + 1 :])
        found -= {name, ""}
        neighbours += sorted(found)
        owners += [owner] * len(found)
    asked = [*names, *neighbours]
    score = _log_likelihood(model, known, asked, np.concatenate([labels, labels[owners]]))
    of_names, of_neighbours = np.split(score, [len(names)])
    gains, corrections = np.full(len(names), -np.inf), list(names)
    for place in np.argsort(of_neighbours, kind="stable").tolist():  # the best one stays
        owner = owners[place]
        gains[owner] = of_neighbours[place] - of_names[owner]
        corrections[owner] = neighbours[place]
    return gains, corrections


def _likely_letters(model, known, names, labels, n_letters):
    """Return for each name where which letters gain most over those that stand there."""
    sequences, positions = _sequences(known, names, labels), _positions(known, names)
    # Also before an unknown letter, which is no target.
    is_asked = positions != NONE
    targets = np.where(is_asked, np.maximum(sequences.targets, 0), NONE)
    logits = model.logits(sequences._replace(targets=targets)).astype(np.float64)
    log_proba = logits - logsumexp(logits, axis=1, keepdims=True)
    own = np.take_along_axis(log_proba, targets[is_asked][:, None], axis=1)
    own[sequences.targets[is_asked] == NONE] = -np.log(known.n_characters_seen + 1)
    letters = np.flatnonzero(known.alphabet_ != END_UNIT)
    gain = (log_proba[:, letters] - own).ravel()
    owners = np.repeat(np.repeat(sequences.name_index, is_asked.sum(1)), len(letters))
    where = np.repeat(positions[is_asked], len(letters))
    order = np.lexsort((-gain, owners))
    ends = np.searchsorted(owners[order], np.arange(len(names)), "right").tolist()
    found = []
    for first, last in zip([0, *ends[:-1]], ends, strict=True):
        best = order[first : min(last, first + n_letters)]
        units = known.alphabet_[letters[best % len(letters)]]
        found.append(list(zip(where[best].tolist(), units.tolist(), strict=True)))
    return found


def _positions(known, names):
    """Return which character of its name each step of the sequences is before, -1 for none."""
    lengths, width = np.array([len(name) for name in names]), known.window_length_
    steps = np.arange(min(width, int(lengths.max()) + 1))
    first = np.where(steps <= lengths[:, None], steps, NONE)
    later = [np.arange(width, length + 1) for length in lengths.tolist()]
    behind = np.concatenate(later)
    rows = np.full((len(behind), first.shape[1]), NONE)
    rows[:, -1] = behind
    return np.concatenate([first, rows])


def _sequences(known, names, labels) -> Sequences:
    sequences = name_sequences(known.alphabet, names, known.window_length_)
    return sequences._replace(labels=labels[sequences.name_index])


def _log_likelihood(model, known, names, labels) -> Any:
    sequences = _sequences(known, names, labels)
    n_known = np.bincount(sequences.name_index, sequences.has_target.sum(1), len(names))
    n_unknown = np.array([len(name) + 1 for name in names]) - n_known
    score = log_likelihood(model, sequences, len(names))
    return score - n_unknown * np.log(known.n_characters_seen + 1)
