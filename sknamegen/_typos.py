"""Names that are probably one edit away from the intended name."""

import numpy as np
from numpy.typing import NDArray

from ._alphabet import END_UNIT, NONE
from ._generator import Fitted
from ._models.contract import log_softmax
from ._parallel import blocks
from ._sequences import name_sequences

# Number of insertions, and of substitutions, to try per name.
_N_LETTERS = 8


def best_neighbours(
    fitted: Fitted, names: list[str], labels: NDArray[np.int32]
) -> tuple[NDArray[np.float64], list[str]]:
    """Return the log-probability gain, in nats, of each name's best neighbour, and the neighbour.

    Neighbours are one edit away: a deletion, a swap of two adjacent letters, an insertion or a
    substitution. Only the letters with the largest gain are inserted or substituted.
    """
    gains, corrections = [np.empty(0)], list[str]()
    # At each position of a name, the model scores all letters.
    for block in blocks(len(names), 32 * len(fitted.corpus.alphabet)):
        block_gains, block_corrections = _block_neighbours(fitted, names[block], labels[block])
        gains.append(block_gains)
        corrections += block_corrections
    return np.concatenate(gains), corrections


def _block_neighbours(fitted, names, labels):
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
    name_scores, neighbour_scores = np.split(scores, [len(names)])
    gains, corrections = np.full(len(names), -np.inf), list(names)
    order = np.argsort(neighbour_scores, kind="stable")  # the best neighbour of a name comes last
    for index in order.tolist():
        owner = owners[index]
        gains[owner] = neighbour_scores[index] - name_scores[owner]
        corrections[owner] = neighbours[index]
    return gains, corrections


def _likely_letters(fitted, names, labels):
    """For each name, yield the positions and letters with the largest log-probability gains."""
    corpus = fitted.corpus
    sequences = name_sequences(names, corpus.window_length_)
    sequences = sequences._replace(labels=labels[sequences.name_index])
    indexed = sequences.indexed(corpus.alphabet)
    # Unknown letters are not targets, but their positions need logits, too.
    targets = np.where(sequences.has_target, np.maximum(indexed.targets, 0), NONE)
    logits = fitted.model.logits(indexed._replace(targets=targets))
    log_proba = log_softmax(logits.astype(np.float64))
    present = indexed.targets[sequences.has_target]
    present_log_proba = log_proba[np.arange(len(present)), present]
    present_log_proba[present == NONE] = -np.log(corpus.n_characters_seen + 1)
    letters = np.flatnonzero(corpus.alphabet_ != END_UNIT)
    gain = log_proba[:, letters] - present_log_proba[:, None]
    owners = np.repeat(sequences.name_index, sequences.has_target.sum(1))
    # All sequences but the first of a name have one target.
    order, ends = np.argsort(owners, kind="stable"), np.cumsum([len(name) + 1 for name in names])
    for rows in np.split(order, ends[:-1]):
        best = np.argsort(-gain[rows].ravel(), kind="stable")[:_N_LETTERS]
        positions, columns = np.divmod(best, len(letters))
        units = corpus.alphabet_[letters[columns]].tolist()
        yield list(zip(positions.tolist(), units, strict=True))
