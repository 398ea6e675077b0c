"""Train the networks of a generator, from its names to a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import inf

import numpy as np

from .._data.corpus import Corpus, Names
from .._models.model import CharModel, learn_penalties
from .._models.ngrams import NGrams
from .._models.pretrained import Pretrained
from .._validation import random_generator
from .fit import Net, fit_networks
from .material import Material, find_candidates, prepare
from .parameters import Settings
from .plan import make_plans
from .recipe import CONCENTRATION, N_LONG, ORDER, TEXT_ORDER, TEXT_SHARE

# Number of characters after which `partial_fit` stops counting n-grams.
_MAX_COUNTED = 10_000_000


@dataclass(frozen=True)
class Trained:
    """What a fit has learned.

    Attributes
    ----------
    corpus : Corpus
    model : CharModel
    nets : list of Net
    similar_names : list of str
    losses : list of float
        Training loss in each epoch.
    valid_losses : list of float or None
        Loss of the held-out names in each epoch. None without early stopping.
    """

    corpus: Corpus
    model: CharModel
    nets: list[Net]
    similar_names: list[str]
    losses: list[float]
    valid_losses: list[float] | None


def train(
    settings: Settings,
    names: Names,
    pretrained: Pretrained | None,
    model: CharModel | None,
    previous_nets: Sequence[Net],
    n_steps_before: int | None,
    make_preview: Callable[[Trained], object],
) -> Trained:
    """Train the networks of a generator.

    Parameters
    ----------
    settings : Settings
    names : Names
    pretrained : Pretrained or None
        Networks from `init`. In a first fit, training starts from them.
    model : CharModel or None
        The model of the last fit, from which training continues. None: a first fit.
    previous_nets : sequence of Net
        Nets from the last fit. Empty in a first fit and for a loaded generator.
    n_steps_before : int or None
        See `TrainPlan`. Unless it is None, training makes one pass over the names.
    make_preview : callable
        Returns a fitted generator, for callbacks.
    """
    rng, one_pass = random_generator(settings.random_state), n_steps_before is not None
    candidates = None if model else find_candidates(settings.similar, names, pretrained)
    material = prepare(settings, names, candidates, rng)
    plans = make_plans(settings, material, rng, pretrained, model, n_steps_before)
    counted_before = model.counts if model and one_pass else None
    teacher = _count_ngrams(material, counted_before)
    counts, weight = None, None
    if counted_before or not (model and one_pass):  # the names of all calls are counted
        counts, weight = _kept_counts(settings, material, teacher, one_pass, bool(pretrained))
    # The penalties may know the names that are held out, because early stopping ignores them.
    kinds, new_characters = learn_penalties(material.corpus, material.names, model)

    def trained(nets: list[Net], counts: NGrams | None, weight: float | None) -> Trained:
        networks = [replace(net.plan.start, lstm=net.lstm()) for net in nets]
        model = CharModel(kinds, new_characters, networks, counts, weight)
        losses = _mean_curve(nets, "train_loss")
        valid_losses = _mean_curve(nets, "valid_loss") if settings.early_stopping else None
        names = material.similar_names
        return Trained(material.corpus, model, nets, names, losses, valid_losses)

    def preview(nets: list[Net]) -> object:
        return make_preview(trained(nets, None, None))

    nets = fit_networks(plans, material, teacher, previous_nets, preview)
    return trained(nets, counts, weight)


def _count_ngrams(material: Material, earlier: NGrams | None) -> NGrams:
    """Return the n-grams of the names, and of those in earlier calls of `partial_fit`."""
    if earlier and earlier.levels[-1].total >= _MAX_COUNTED:
        return earlier
    order = TEXT_ORDER if material.corpus.is_text else ORDER
    return NGrams.learn(material.corpus, material.own_names, order, earlier)


def _kept_counts(
    settings: Settings, material: Material, counts: NGrams, one_pass: bool, has_pretrained: bool
) -> tuple[NGrams | None, float | None]:
    """Return the n-gram counts of the model and their weight, or None.

    Counts reveal the names. `partial_fit` needs those of all calls, also after loading.
    """
    if settings.ngram_counts is False:
        return None, None
    corpus, weights = material.corpus, material.own_names.weights
    if corpus.is_text:
        return counts, TEXT_SHARE
    mean_weight = 1.0 if weights is None else float(weights.mean())
    n_names = counts.count_of(corpus.alphabet.end) / mean_weight
    max_names = inf if settings.ngram_counts is True else N_LONG if has_pretrained else 0
    if n_names < max_names and counts.fits_in_a_table:
        return counts, CONCENTRATION * mean_weight
    return counts if one_pass else None, None


def _mean_curve(nets: list[Net], name: str) -> list[float]:
    """Return the mean loss in each epoch, over the networks still in training."""
    # An epoch that a callback has ended has no training loss.
    curves = [[epoch[name] for epoch in net.history if "train_loss" in epoch] for net in nets]
    epochs = zip_longest(*curves, fillvalue=np.nan)
    return [float(np.nanmean(values)) for values in epochs]
