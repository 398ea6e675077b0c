"""Train the networks of a generator, from its names to a fitted model."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._alphabet import missing_letters
from .._corpus import Corpus
from .._fitted import Fitted
from .._models.contract import NextCharModel, log_softmax
from .._models.interpolated import STRENGTHS, Interpolated, backoff_tables, fits_in_a_table
from .._models.kneser_ney import NGramCounts
from .._models.lstm import LSTM
from .._models.mixture import Component, Mixture
from .._models.ngrams import NGrams
from .._models.penalty import learn_penalties
from .._models.pretrained import Network, Pretrained
from .._parallel import parallel_map
from .._rows import rows_of_names
from .._sequences import Sequences
from .._similar import Candidates
from .._tasks import Epochs
from .._types import Data
from .._validation import random_generator
from .batches import join_windows
from .fit import Net, fit_networks
from .plan import Settings, make_plans

# Weight of the untrained network in the average, as a fraction of `share`.
_UNTRAINED = 0.3
# Number of folds.
_N_FOLDS = 10
# Number of similar names for each label, and how often they must contain a letter for it to become
# part of the alphabet.
_N_SIMILAR, _MIN_COUNT = 300, 3
# Length of the longest n-grams.
_ORDER = 6
# Number of characters after which `partial_fit` stops counting n-grams.
_MAX_COUNTED = 10_000_000


class Before(NamedTuple):
    """The last fit of a generator, from which training continues.

    Attributes
    ----------
    fitted : Fitted
    networks : list of Network
    nets : list of Net
    progress : mapping of str to object
        Attributes of the generator, which describe the training so far.
    """

    fitted: Fitted
    networks: list[Network]
    nets: list[Net]
    progress: Data


class Run(NamedTuple):
    """The result of training.

    Attributes
    ----------
    fitted : Fitted
    attributes : mapping of str to object
        Other attributes of the fitted generator.
    is_interrupted : bool
        Whether training ended early, because of Ctrl-C or a callback that raised KeyboardInterrupt.
    """

    fitted: Fitted
    attributes: Data
    is_interrupted: bool = False


def train(
    settings: Settings,
    corpus: Corpus,
    sequences: Sequences,
    pretrained: Pretrained | None,
    before: Before | None,
    one_pass: bool,
    candidates: Candidates | None,
    snapshot: Callable[[Run], Any],
    epochs: Epochs,
) -> Run:
    """Train the networks of a generator.

    Parameters
    ----------
    settings : Settings
    corpus : Corpus
    sequences : Sequences
        The names as indices.
    pretrained : Pretrained or None
        Networks from `init`. In a first fit, training starts from them.
    before : Before or None
    one_pass : bool
        Whether to make one pass, as in `partial_fit`.
    candidates : Candidates or None
        Names of which those that resemble the list are learned, too.
    snapshot : callable
        Returns a fitted generator, for callbacks.
    epochs : Epochs

    Raises
    ------
    KeyboardInterrupt
        If training was interrupted, and no network has finite weights.
    """
    rng = random_generator(settings.random_state)
    material = Material(corpus, sequences, *_split(settings, sequences, rng))
    material = material.with_similar(candidates) if candidates else material
    corpus, sequences, unjoined, valid, _, similar_names = material
    is_text, joined = corpus.is_text, material.joined()
    has_target = joined.has_target.any(axis=1)
    n_names = int(has_target.sum()) if is_text else len(np.unique(joined.name_index[has_target]))
    model, networks, nets = None, list[Network](), list[Net]()
    progress: Data = {}
    if before:
        model, (_, networks, nets, progress) = before.fitted.model, before
    starts = Pretrained.of(corpus, networks) if before else pretrained
    n_steps_before = progress.get("n_steps_", 0) if one_pass else None
    sizes = n_names, len(similar_names)
    plans = make_plans(settings, corpus, sizes, rng, starts, networks, n_steps_before)
    earlier = model.layer(Interpolated) if model and one_pass else None
    counts = _count_ngrams(corpus, unjoined, earlier)
    # The penalties may know the names that are held out, because early stopping ignores them.
    penalised = learn_penalties(corpus, sequences, model)

    def run_of(nets: list[Net], is_interrupted: bool = False, has_counts: bool = False) -> Run:
        mixture, attributes = _mixture(nets), _attributes(nets, progress)
        model: NextCharModel = mixture
        if has_counts:
            share, always = attributes["init_share_"], settings.ngram_counts is True
            names = counts, corpus, unjoined
            counted = _with_counts(mixture, share, *names, pretrained, earlier, always)
            attributes["ngram_strength_"] = counted.strength
            # Counts reveal the names. `partial_fit` needs those of all calls, also after loading.
            model = counted if counted.strength or one_pass else mixture
        fitted = Fitted(corpus, penalised(model))
        attributes["similar_names_"] = progress.get("similar_names_", list(similar_names))
        return Run(fitted, attributes, is_interrupted)

    data = joined, valid, counts, is_text, lambda nets: snapshot(run_of(nets)), epochs
    nets, is_interrupted = fit_networks(plans, *data, nets)
    nets = nets if before else [net for net in nets if net.n_steps]
    if not nets:
        raise KeyboardInterrupt
    try:
        return run_of(nets, is_interrupted, has_counts=settings.ngram_counts is not False)
    except ValueError:  # after an interrupt, weights may not be finite
        if is_interrupted:
            raise KeyboardInterrupt from None
        raise


class Material(NamedTuple):
    """The names that networks learn, and what is known about them.

    Attributes
    ----------
    corpus : Corpus
    sequences : Sequences
        All names of the list, as indices.
    train, valid : Sequences
        The names of the list to learn, and those held out for early stopping.
    similar : Sequences or None
        Similar names, whose weights sum to that of the list.
    similar_names : list of str
    """

    corpus: Corpus
    sequences: Sequences
    train: Sequences
    valid: Sequences
    similar: Sequences | None = None
    similar_names: Sequence[str] = ()

    def joined(self) -> Sequences:
        """Return all sequences to learn, with fewer sequences for each name."""
        if self.corpus.is_text:
            return self.train
        joined = join_windows(self.train)
        return joined.followed_by(join_windows(self.similar)) if self.similar else joined

    def with_similar(self, candidates: Candidates) -> "Material":
        """Return the material with candidates that resemble the names to learn, for each label.

        The alphabet grows by the letters of these names, unless they are rare, and by those of the
        list's scripts and cases.
        """
        corpus, names, labels, weights = self.corpus, list[str](), list[int](), list[float]()
        for label in np.unique(self.train.labels).tolist():
            own = self.train.take(self.train.labels == label)
            rows = np.unique(own.name_index, return_index=True)[1]
            total = len(rows) if own.weights is None else own.weights[rows].sum()
            chosen = candidates.most_similar(own.names(corpus.alphabet), _N_SIMILAR)
            names += chosen
            labels += [label] * len(chosen)
            weights += [total / max(1, len(chosen))] * len(chosen)
        if not names:
            return self
        counts = Counter("".join(names))
        frequent = {letter for letter, count in counts.items() if count >= _MIN_COUNT}
        opened = corpus.opened(frequent | missing_letters(corpus.alphabet.index), names)
        alphabet = opened.alphabet
        rows_of_similar = rows_of_names(alphabet.composed(names), corpus.window_length_)
        similar = Sequences.of_rows(rows_of_similar).indexed(alphabet)
        similar = similar._replace(
            labels=np.array(labels, dtype=np.int32)[similar.name_index],
            weights=np.array(weights)[similar.name_index],
        )
        parts: Any = (part.reindexed(corpus.alphabet, alphabet) for part in self[1:4])
        return Material._make([opened, *parts, similar, names])


def _split(
    settings: Settings, sequences: Sequences, rng: np.random.Generator
) -> tuple[Sequences, Sequences]:
    """Return the sequences for the training names and for the held-out names."""
    n_names = sequences.name_index.max() + 1
    is_held_out = np.zeros(n_names, dtype=bool)
    if settings.early_stopping:
        n_valid = max(1, round(settings.validation_fraction * n_names))
        if n_valid >= n_names:
            raise ValueError(
                "early_stopping requires at least one training name after the split. Got "
                f"{n_names} names and validation_fraction={settings.validation_fraction}. Use "
                "early_stopping=False, or split running text into several texts."
            )
        is_held_out[rng.permutation(n_names)[:n_valid]] = True
    is_held_out = is_held_out[sequences.name_index]
    train = sequences.take(~is_held_out)
    if not train.has_target.any():
        raise ValueError(
            "X must contain at least one character from the alphabet. Got only unknown ones."
        )
    return train, sequences.take(is_held_out)._replace(weights=None)


def _count_ngrams(corpus: Corpus, sequences: Sequences, earlier: Interpolated | None) -> NGrams:
    """Return the n-grams of the names, and of those in earlier calls of `partial_fit`."""
    before = earlier.counts if earlier else None
    if before and before.levels[-1].total >= _MAX_COUNTED:
        return before
    order = min(_ORDER, corpus.window_length_ + 1)
    counted = NGramCounts.of(sequences, order, before.counted() if before else None)
    return NGrams(counted, corpus.alphabet.kinds, len(corpus.labels))


def _mixture(nets: list[Net]) -> Mixture:
    """Return the networks with their current weights."""
    return Mixture([Component(LSTM(n.network.arrays()), n.plan.start.weight) for n in nets])


def _attributes(nets: list[Net], before: Data) -> Data:
    """Return the fitted attributes of a generator, including the progress of earlier fits."""
    starts = [net.plan.start for net in nets]
    weights = [start.weight for start in starts]
    losses, scores = _mean_curve(nets, "train_loss"), before.get("validation_scores_")
    if nets[0].plan.settings.early_stopping:
        scores = [*(scores or []), *(-loss for loss in _mean_curve(nets, "valid_loss"))]
    return {
        "nets_": nets,
        "_from_init": [start.from_init for start in starts],
        "init_share_": sum(start.weight for start in starts if start.from_init) / sum(weights),
        "ngram_strength_": 0.0,
        "n_iter_": before.get("n_iter_", 0) + len(losses),
        "n_steps_": before.get("n_steps_", 0) + max(net.n_steps for net in nets),
        "loss_curve_": before.get("loss_curve_", []) + losses,
        "validation_scores_": scores,
    }


def _mean_curve(nets: list[Net], name: str) -> list[float]:
    """Return the mean loss in each epoch, over the networks still in training."""
    # An interrupted epoch has no training loss.
    curves = [[epoch[name] for epoch in net.history if "train_loss" in epoch] for net in nets]
    epochs = zip_longest(*curves, fillvalue=np.nan)
    return [float(np.nanmean(values)) for values in epochs]


def _with_counts(
    networks: Mixture,
    share: float,
    counts: NGrams,
    corpus: Corpus,
    sequences: Sequences,
    pretrained: Pretrained | None,
    earlier: Interpolated | None,
    always: bool,
) -> Interpolated:
    """Return networks with counts, whose strength is chosen to predict held-out names.

    Parameters
    ----------
    networks : Mixture
    share : float
        Weight of the networks that started from `pretrained`.
    counts : NGrams
    corpus : Corpus
    sequences : Sequences
        The training names.
    pretrained : Pretrained or None
    earlier : Interpolated or None
        The model after earlier calls of `partial_fit`.
    always : bool
        Whether the counts change the predictions even if none is better than without them.
    """
    gains, strength = np.zeros(len(STRENGTHS)), 0.0
    is_judged = not corpus.is_text and fits_in_a_table(counts)
    if is_judged and pretrained:
        names = corpus, sequences, counts.order, earlier.counts if earlier else None
        gains = _gains_of_counts(networks, share, pretrained, *names)
    if is_judged and (pretrained or always):
        gains = gains + (earlier.gains if earlier else 0)
        strength = float(STRENGTHS[gains.argmax()]) if always or gains.max() > 0 else 0.0
    return Interpolated(networks, counts, strength, gains)


def _gains_of_counts(
    networks: Mixture,
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
    """
    untrained = pretrained.network_for(corpus.alphabet_, corpus.labels)
    weight = _UNTRAINED * share
    is_seen, n_labels = np.isin(corpus.alphabet_, pretrained.alphabet), len(corpus.labels)

    def proba_of(block: Sequences) -> NDArray[np.float64]:
        before, after = log_softmax(untrained.logits(block)), log_softmax(networks.logits(block))
        before[:, ~is_seen] = after[:, ~is_seen]
        log_proba = log_softmax(weight * before + (1 - weight) * after)
        targets = block.targets[block.has_target]
        proba = np.exp(log_proba[np.arange(len(targets)), targets], dtype=np.float64)
        return np.where(is_seen[targets], proba, 1)

    def gains_in(fold: int) -> NDArray[np.float64]:
        others, test = sequences.take(folds != fold), sequences.take(folds == fold)
        counted = NGramCounts.of(others, order, earlier.counted() if earlier else None)
        counts = NGrams(counted, corpus.alphabet.kinds, n_labels)
        contexts, targets = test.contexts(order - 1), test.targets[test.has_target]
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
