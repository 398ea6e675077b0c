"""Names that are probably one edit away from what was meant."""

import numpy as np
from numpy.typing import NDArray

from ._alphabet import END_UNIT, NONE
from ._generator import Fitted
from ._models.contract import log_likelihood, log_softmax
from ._parallel import blocks
from ._sequences import Sequences, name_sequences

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
    texts = [*names, *neighbours]
    sequences = _sequences(fitted, texts, np.concatenate([labels, labels[owners]]))
    n_known = np.bincount(sequences.name_index, sequences.has_target.sum(1), len(texts))
    n_unknown = np.array([len(text) + 1 for text in texts]) - n_known
    scores = log_likelihood(fitted.model, sequences, len(texts))
    scores -= n_unknown * np.log(fitted.corpus.n_characters_seen + 1)
    of_names, of_neighbours = np.split(scores, [len(names)])
    gains, corrections = np.full(len(names), -np.inf), list(names)
    for place in np.argsort(of_neighbours, kind="stable").tolist():  # the best one stays
        owner = owners[place]
        gains[owner] = of_neighbours[place] - of_names[owner]
        corrections[owner] = neighbours[place]
    return gains, corrections


def _likely_letters(fitted, names, labels):
    """Return for each name the places and letters that gain most over the letters there."""
    corpus, sequences = fitted.corpus, _sequences(fitted, names, labels)
    positions = _positions(names, corpus.window_length_)
    # Also before an unknown letter, which is no target.
    is_place = positions != NONE
    targets = np.where(is_place, np.maximum(sequences.targets, 0), NONE)
    logits = fitted.model.logits(sequences._replace(targets=targets))
    log_proba = log_softmax(logits.astype(np.float64))
    present = np.take_along_axis(log_proba, targets[is_place][:, None], axis=1)
    present[sequences.targets[is_place] == NONE] = -np.log(corpus.n_characters_seen + 1)
    letters = np.flatnonzero(corpus.alphabet_ != END_UNIT)
    gain = (log_proba[:, letters] - present).ravel()
    owners = np.repeat(np.repeat(sequences.name_index, is_place.sum(1)), len(letters))
    places = np.repeat(positions[is_place], len(letters))
    order = np.lexsort((-gain, owners))
    ends = np.searchsorted(owners[order], np.arange(len(names)), "right").tolist()
    likely = []
    for first, last in zip([0, *ends[:-1]], ends, strict=True):
        best = order[first : min(last, first + _N_LETTERS)]
        units = corpus.alphabet_[letters[best % len(letters)]]
        likely.append(list(zip(places[best].tolist(), units.tolist(), strict=True)))
    return likely


def _positions(names, window_length):
    """Return which character of its name each step of the sequences predicts, -1 for none."""
    lengths = np.array([len(name) for name in names])
    steps = np.arange(min(window_length, int(lengths.max()) + 1))
    first = np.where(steps <= lengths[:, None], steps, NONE)
    later = np.concatenate([np.arange(window_length, n + 1) for n in lengths.tolist()])
    rows = np.full((len(later), first.shape[1]), NONE)
    rows[:, -1] = later
    return np.concatenate([first, rows])


def _sequences(fitted, names, labels) -> Sequences:
    sequences = name_sequences(fitted.corpus.alphabet, names, fitted.corpus.window_length_)
    return sequences._replace(labels=labels[sequences.name_index])
