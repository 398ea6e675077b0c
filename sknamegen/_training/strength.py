"""How strongly the n-gram counts of a list change the predictions of its networks."""

import numpy as np
from numpy.typing import NDArray

from .._corpus import Corpus
from .._models.contract import log_softmax
from .._models.interpolated import STRENGTHS, backoff_tables
from .._models.mixture import Mixture
from .._models.ngrams import NGrams
from .._models.pretrained import Pretrained
from .._parallel import parallel_map
from .._sequences import Sequences

# Weight of the untrained network in the average, as a fraction of `share`.
_UNTRAINED = 0.3
# Number of folds.
_N_FOLDS = 10


def gains_of_counts(
    model: Mixture,
    share: float,
    pretrained: Pretrained,
    corpus: Corpus,
    sequences: Sequences,
    order: int,
    earlier: NGrams | None,
) -> NDArray[np.float64]:
    """Return by how many nats the counts, at each strength, improve held-out log-likelihoods.

    In each fold, the counts of nine tenths of the names predict the remaining tenth. The trained
    networks know all of these names. They are therefore averaged with the pretrained network,
    which knows none.

    Parameters
    ----------
    model : Mixture
        The trained networks.
    share : float
        Weight of the networks that started from `pretrained`.
    pretrained : Pretrained
    corpus : Corpus
    sequences : Sequences
        The training names.
    order : int
        Length of the longest n-grams.
    earlier : NGrams or None
        Counts of names in earlier calls of `partial_fit`.
    """
    untrained = pretrained.network_for(corpus.alphabet_, corpus.labels)
    weight = _UNTRAINED * share
    is_seen, n_labels = np.isin(corpus.alphabet_, pretrained.alphabet), len(corpus.labels)

    def proba_of(block: Sequences) -> NDArray[np.float64]:
        before, after = log_softmax(untrained.logits(block)), log_softmax(model.logits(block))
        before[:, ~is_seen] = after[:, ~is_seen]
        log_proba = log_softmax(weight * before + (1 - weight) * after)
        targets = block.targets[block.has_target]
        proba = np.exp(log_proba[np.arange(len(targets)), targets], dtype=np.float64)
        return np.where(is_seen[targets], proba, 1)

    def gains_in(fold: int) -> NDArray[np.float64]:
        others, test = sequences.take(folds != fold), sequences.take(folds == fold)
        counts = NGrams.count(others, order, corpus.alphabet.kinds, n_labels, before=earlier)
        contexts, targets = test.contexts(order - 1, True), test.targets[test.has_target]
        lowest, gains = proba[folds_of_targets == fold], []
        for strength in STRENGTHS.tolist():
            result = lowest
            for table in backoff_tables(counts, strength):
                result = table.interpolate_targets(result, contexts, targets)
            gains.append(np.log(result / lowest)[lowest < 1].sum())
        return np.array(gains)

    names = np.unique(sequences.name_index, return_inverse=True)[1]
    n_names = names.max() + 1
    if n_names == 1:
        return np.zeros(len(STRENGTHS))
    n_folds = min(_N_FOLDS, int(n_names))
    folds = np.random.default_rng(0).permutation(n_names)[names] % n_folds
    folds_of_targets = np.repeat(folds, sequences.has_target.sum(1))
    proba = np.concatenate(parallel_map(proba_of, zip(sequences.blocks(len(is_seen)))))
    return np.sum(parallel_map(gains_in, zip(range(n_folds))), axis=0)
