"""Train the networks of a generator, from its names to a fitted model."""

from collections import Counter
from dataclasses import dataclass, fields
from itertools import zip_longest
from math import inf
from typing import Any, Self

import numpy as np

from .._data.corpus import Corpus
from .._data.rows import Rows
from .._data.sequences import Sequences
from .._data.similar import MAX_NAMES, Candidates
from .._fitted import Fitted
from .._models.contract import NextCharModel
from .._models.interpolated import Interpolated, fits_in_a_table
from .._models.kneser_ney import NGramCounts
from .._models.lstm import LSTM
from .._models.mixture import Component, Mixture
from .._models.ngrams import NGrams
from .._models.penalty import learn_penalties
from .._models.pretrained import Network, Pretrained
from .._text.unicode import missing_letters
from .._types import Floats
from .._validation import random_generator
from .batches import join_windows
from .fit import Net, fit_networks
from .plan import Settings, make_plans

# Number of similar names for each label, and how often they must contain a letter for it to become
# part of the alphabet.
_N_SIMILAR, _MIN_COUNT = 300, 3
# Number of characters after which `partial_fit` stops counting n-grams.
_MAX_COUNTED = 10_000_000
# Concentration of the n-gram counts, as a number of characters.
_CONCENTRATION = 16


@dataclass(frozen=True)
class Run:
    """The result of training: the attributes of a `CharLSTMGenerator` that `fit` sets."""

    fitted: Fitted
    nets_: list[Net]
    _from_init: list[bool]
    init_share_: float
    similar_names_: list[str]
    n_iter_: int
    n_steps_: int
    loss_curve_: list[float]
    validation_scores_: list[float] | None

    @classmethod
    def of(cls, generator: Any) -> Self:
        """Return the result of the last fit. A loaded generator has no nets."""
        values = {"fitted": generator._fitted, "nets_": []} | vars(generator)
        return cls(**{field.name: values[field.name] for field in fields(cls)})


def train(
    generator: Any,
    settings: Settings,
    corpus: Corpus,
    sequences: Sequences,
    pretrained: Pretrained | None,
    candidates: Candidates | None,
    networks: list[Network],
    one_pass: bool,
) -> tuple[Run, bool]:
    """Train the networks of a generator.

    Parameters
    ----------
    generator : CharLSTMGenerator
        It does not change. Copies of it are fitted, for callbacks.
    settings : Settings
    corpus : Corpus
    sequences : Sequences
        The names as indices.
    pretrained : Pretrained or None
        Networks from `init`. In a first fit, training starts from them.
    candidates : Candidates or None
        Names of which those that resemble the list are learned, too.
    networks : list of Network
        Those of the last fit, from which training continues. Empty: a first fit.
    one_pass : bool
        Whether to make one pass over the names, as in `partial_fit`.

    Returns
    -------
    run : Run
    is_interrupted : bool
        Whether training ended early, because of Ctrl-C or a callback that raised KeyboardInterrupt.

    Raises
    ------
    KeyboardInterrupt
        If training was interrupted, and no network has finite weights.
    """
    rng = random_generator(settings.random_state)
    material = _material(settings, corpus, sequences, candidates, rng)
    corpus, sequences, unjoined, valid, joined, similar_names = material
    before = Run.of(generator) if networks else None
    model = before.fitted.model if before else None
    starts = Pretrained.of(corpus, networks) if before else pretrained
    n_steps_before = (before.n_steps_ if before else 0) if one_pass else None
    names = corpus, joined, len(similar_names)
    plans = make_plans(settings, *names, rng, starts, networks, n_steps_before)
    earlier = model.layer(Interpolated) if model and one_pass else None
    counts = _count_ngrams(corpus, unjoined, earlier)
    # The penalties may know the names that are held out, because early stopping ignores them.
    penalised = learn_penalties(corpus, sequences, model)
    are_counted = earlier or not (before and one_pass)  # the names of all calls
    max_names = inf if settings.ngram_counts is True else MAX_NAMES if pretrained else 0
    concentration = inf
    if are_counted and not corpus.is_text and fits_in_a_table(counts):
        concentration = _concentration(counts, corpus, unjoined.weights, max_names)

    def run_of(nets: list[Net], has_counts: bool = False) -> Run:
        model: NextCharModel
        model = Mixture([Component(LSTM(n.network.arrays()), n.plan.start.weight) for n in nets])
        # Counts reveal the names. `partial_fit` needs those of all calls, also after loading.
        if has_counts and (concentration < inf or (one_pass and are_counted)):
            model = Interpolated(model, counts, concentration)
        return _run(Fitted(corpus, penalised(model)), nets, similar_names, before)

    data = joined, valid, counts, corpus.is_text, run_of, generator
    nets, is_interrupted = fit_networks(plans, *data, before.nets_ if before else [])
    nets = nets if before else [net for net in nets if net.n_steps]
    if not nets:
        raise KeyboardInterrupt
    try:
        return run_of(nets, settings.ngram_counts is not False), is_interrupted
    except ValueError:  # after an interrupt, weights may not be finite
        if is_interrupted:
            raise KeyboardInterrupt from None
        raise


def _material(
    settings: Settings,
    corpus: Corpus,
    sequences: Sequences,
    candidates: Candidates | None,
    rng: np.random.Generator,
) -> tuple[Corpus, Sequences, Sequences, Sequences, Sequences, list[str]]:
    """Return what the networks learn: the names, and candidates that resemble them.

    The alphabet grows by the letters of the similar names, unless they are rare, and by those of
    the list's scripts and cases.

    Returns
    -------
    corpus : Corpus
    sequences : Sequences
        All names of the list, as indices.
    train, valid : Sequences
        The names of the list to learn, and those held out for early stopping.
    joined : Sequences
        The names to learn and similar names, whose weights have the same sum, with fewer sequences
        for each name.
    similar_names : list of str
    """
    train, valid = _split(settings, sequences, rng)
    names, labels, weights = list[str](), list[int](), list[float]()
    if candidates:
        for label in np.unique(train.labels).tolist():
            own = train.take(train.labels == label)
            rows = np.unique(own.name_index, return_index=True)[1]
            total = len(rows) if own.weights is None else own.weights[rows].sum()
            chosen = candidates.most_similar(own.names(corpus.alphabet), _N_SIMILAR)
            names += chosen
            labels += [label] * len(chosen)
            weights += [total / max(1, len(chosen))] * len(chosen)
    if not names:
        joined = train if corpus.is_text else join_windows(train)
        return corpus, sequences, train, valid, joined, names
    frequent = {letter for letter, count in Counter("".join(names)).items() if count >= _MIN_COUNT}
    opened = corpus.opened(frequent | missing_letters(corpus.alphabet.index), names)
    alphabet = opened.alphabet
    rows_of_similar = Rows.of_names(alphabet.composed(names), corpus.window_length_)
    similar = Sequences.of_rows(rows_of_similar, alphabet)
    similar = similar._replace(
        labels=np.array(labels, dtype=np.int32)[similar.name_index],
        weights=np.array(weights)[similar.name_index],
    )
    sequences, train, valid = (
        part.reindexed(corpus.alphabet, alphabet) for part in (sequences, train, valid)
    )
    joined = join_windows(train).followed_by(join_windows(similar))
    return opened, sequences, train, valid, joined, names


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
        raise ValueError("X must contain a character of the alphabet. Got only unknown ones.")
    return train, sequences.take(is_held_out)._replace(weights=None)


def _count_ngrams(corpus: Corpus, sequences: Sequences, earlier: Interpolated | None) -> NGrams:
    """Return the n-grams of the names, and of those in earlier calls of `partial_fit`."""
    if earlier and earlier.counts.levels[-1].total >= _MAX_COUNTED:
        return earlier.counts
    counted_before = earlier.counts.counted() if earlier else None
    counted = NGramCounts.of(sequences, min(6, corpus.window_length_ + 1), counted_before)
    return NGrams(counted, corpus.alphabet.kinds, len(corpus.labels))


def _concentration(
    counts: NGrams, corpus: Corpus, weights: Floats | None, max_names: float
) -> float:
    """Return the concentration of counts. Infinity: they change no prediction.

    This is so from `max_names` names on. `weights` are those of the sequences.
    """
    mean_weight, counted = 1.0 if weights is None else float(weights.mean()), counts.counted()
    n_names = counted.filled_counts[counted.characters == corpus.alphabet.end].sum() / mean_weight
    return _CONCENTRATION * mean_weight if n_names < max_names else inf


def _run(fitted: Fitted, nets: list[Net], similar_names: list[str], before: Run | None) -> Run:
    """Return the result of training, including the progress of earlier fits."""
    starts = [net.plan.start for net in nets]
    init_weight = sum(start.weight for start in starts if start.starts_from_init)
    n_iter, n_steps, curve, scores = 0, 0, list[float](), None
    if before:
        n_iter, n_steps, similar_names = before.n_iter_, before.n_steps_, before.similar_names_
        curve, scores = before.loss_curve_, before.validation_scores_
    losses = _mean_curve(nets, "train_loss")
    if nets[0].plan.early_stopping:
        scores = [*(scores or []), *(-loss for loss in _mean_curve(nets, "valid_loss"))]
    return Run(
        fitted=fitted,
        nets_=nets,
        _from_init=[start.starts_from_init for start in starts],
        init_share_=init_weight / sum(start.weight for start in starts),
        similar_names_=similar_names,
        n_iter_=n_iter + len(losses),
        n_steps_=n_steps + max(net.n_steps for net in nets),
        loss_curve_=curve + losses,
        validation_scores_=scores,
    )


def _mean_curve(nets: list[Net], name: str) -> list[float]:
    """Return the mean loss in each epoch, over the networks still in training."""
    # An interrupted epoch has no training loss.
    curves = [[epoch[name] for epoch in net.history if "train_loss" in epoch] for net in nets]
    epochs = zip_longest(*curves, fillvalue=np.nan)
    return [float(np.nanmean(values)) for values in epochs]
