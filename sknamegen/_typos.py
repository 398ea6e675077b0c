"""Names that are probably one edit away from what was meant."""

import numpy as np
from numpy.typing import NDArray

from ._alphabet import END_UNIT, NONE
from ._generator import Fitted
from ._models.contract import log_softmax
from ._parallel import blocks
from ._sequences import name_sequences

# Letters that are tried in each name, inserted and in the place of another.
_N_LETTERS = 8


def best_neighbours(
    fitted: Fitted, names: list[str], labels: NDArray[np.int32]
) -> tuple[NDArray[np.float64], list[str]]:
    """Return how much more probable the best neighbour of each name is, in nats, and which it is.

    Neighbours are one edit away: a letter deleted, two neighbours swapped, and of all letters that
    may be inserted or may replace one, those that gain most by themselves.
    """
    gains, corrections = [np.empty(0)], list[str]()
    # At each place of a name all letters are weighed.
    for block in blocks(len(names), 32 * len(fitted.corpus.alphabet)):
        gain, best = _of_block(fitted, names[block], labels[block])
        gains.append(gain)
        corrections += best
    return np.concatenate(gains), corrections


def _of_block(fitted, names, labels):
    neighbours, owners = [], []
    for owner, (name, letters) in enumerate(
        zip(names, _likely_letters(fitted, names, labels), strict=True)
    ):
        edited = {name[:i] + name[i + 1 :] for i in range(len(name))}
        edited |= {name[:i] + name[i + 1] + name[i] + name[i + 2 :] for i in range(len(name) - 1)}
        for position, letter in letters:
            edited.add(name[:position] + letter + name[position:])
            if position < len(name):
                edited.add(name[:position] + letter + name[position + 1 :])
        edited -= {name, ""}
        neighbours += sorted(edited)
        owners += [owner] * len(edited)
    sequences = name_sequences([*names, *neighbours], fitted.corpus.window_length_)
    scores, _ = fitted.score(sequences, np.concatenate([labels, labels[owners]]))
    of_names, of_neighbours = np.split(scores, [len(names)])
    gains, corrections = np.full(len(names), -np.inf), list(names)
    for place in np.argsort(of_neighbours, kind="stable").tolist():  # the best one stays
        owner = owners[place]
        gains[owner] = of_neighbours[place] - of_names[owner]
        corrections[owner] = neighbours[place]
    return gains, corrections


def _likely_letters(fitted, names, labels):
    """Yield for each name the places and letters that gain most over the letters there."""
    corpus = fitted.corpus
    sequences = name_sequences(names, corpus.window_length_)
    sequences = sequences._replace(labels=labels[sequences.name_index])
    indexed = sequences.indexed(corpus.alphabet)
    # Also before an unknown letter, which is no target.
    targets = np.where(sequences.has_target, np.maximum(indexed.targets, 0), NONE)
    logits = fitted.model.logits(indexed._replace(targets=targets))
    log_proba = log_softmax(logits.astype(np.float64))
    present, unknown = indexed.targets[sequences.has_target], -np.log(corpus.n_characters_seen + 1)
    known = log_proba[np.arange(len(present)), present]
    letters = np.flatnonzero(corpus.alphabet_ != END_UNIT)
    gain = log_proba[:, letters] - np.where(present == NONE, unknown, known)[:, None]
    owners = np.repeat(sequences.name_index, sequences.has_target.sum(1))
    # The first sequence of a name has its first characters, then each has one more.
    order, ends = np.argsort(owners, kind="stable"), np.cumsum([len(name) + 1 for name in names])
    for rows in np.split(order, ends[:-1]):
        best = np.argsort(-gain[rows].ravel(), kind="stable")[:_N_LETTERS]
        places, which = np.divmod(best, len(letters))
        units = corpus.alphabet_[letters[which]].tolist()
        yield list(zip(places.tolist(), units, strict=True))
