"""The plan for each network: parameters, values for "auto", and initial weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from numbers import Integral

import numpy as np
import torch

from .._models.model import CharModel, Network
from .._models.pretrained import Pretrained
from .._types import Data, Floats
from .material import Material
from .parameters import Settings
from .recipe import ALONE_SHARE, Recipe, auto_values, base_share


@dataclass(frozen=True, kw_only=True)
class TrainPlan(Recipe):
    """What determines the training of a network.

    Attributes
    ----------
    settings : Settings
    start : Network
        The network before training.
    weights : mapping of str to ndarray, or None
        Initial weights. NaN or None: random.
    n_characters, n_labels, n_similar : int
    seed, shuffle_seed : int
        Seeds of the network, and of the order of batches.
    n_steps_before : int or None
        Number of steps in earlier calls to `partial_fit`. None: `fit`.
    shard : tuple of (int, int)
        Index of this process's shard of each batch, and number of shards.
    """

    settings: Settings
    start: Network
    weights: Mapping[str, Floats] | None
    n_characters: int
    n_labels: int
    n_similar: int
    seed: int
    shuffle_seed: int
    n_steps_before: int | None
    shard: tuple[int, int]


def make_plans(
    settings: Settings,
    material: Material,
    rng: np.random.Generator,
    pretrained: Pretrained | None,
    model: CharModel | None,
    n_steps_before: int | None,
) -> list[TrainPlan]:
    """Return the plan for each network.

    Parameters
    ----------
    settings : Settings
    material : Material
    rng : numpy.random.Generator
        Random generator for initial weights, dropout masks and batch order.
    pretrained : Pretrained or None
        In a first fit, networks that some or all networks start from.
    model : CharModel or None
        The model of the last fit, from which training continues. None: a first fit.
    n_steps_before : int or None
        See `TrainPlan`.
    """
    n_similar, n_names = len(material.similar_names), material.n_names
    corpus, shard = material.corpus, _shard(settings, n_names)
    if model:
        networks = model.networks
        pretrained = Pretrained.of(corpus, networks)
        _check_sizes(settings, pretrained.networks[-1].sizes | {"num_networks": len(networks)})
    else:
        n_own = None if corpus.is_text else n_names - n_similar
        networks = _new_networks(settings, n_own, pretrained)
    is_from_scratch = not any(network.starts_from_init for network in networks)
    plans = []
    for network in networks:
        lstm, starts_from_init = network.lstm, network.starts_from_init
        values: Data = auto_values(
            n_names,
            is_text=corpus.is_text,
            is_adamw=settings.optimizer is torch.optim.AdamW,
            has_similar=n_similar > 0,
            starts_from_init=starts_from_init,
            has_new_labels=bool(starts_from_init and pretrained and not pretrained.label_shares),
            is_from_scratch=is_from_scratch and n_steps_before is None,
        )
        values |= settings.given | (lstm.sizes if lstm else {})
        values.pop("num_networks", None)
        values["batch_size"] = min(values["batch_size"], n_names)
        if n_steps_before is not None:
            values["max_epochs"] = 1
        seed, shuffle_seed = rng.integers(2**63, size=2).tolist()
        plan = TrainPlan(
            settings=settings,
            **values,
            start=network,
            weights=pretrained.weights_for(lstm, corpus) if pretrained and lstm else None,
            n_characters=len(corpus.alphabet_),
            n_labels=len(corpus.labels),
            n_similar=n_similar,
            seed=seed,
            shuffle_seed=shuffle_seed,
            n_steps_before=n_steps_before,
            shard=shard,
        )
        plans.append(plan)
    return plans


def _new_networks(
    settings: Settings, n_names: int | None, pretrained: Pretrained | None
) -> list[Network]:
    """Return the initial state of each network in a first fit. `n_names` is None for text."""
    n_networks = settings.given.get("num_networks")
    if pretrained is None:
        n_networks = n_networks or (1 if n_names is None else 2)
        return [Network(None, 1 / n_networks, False)] * n_networks
    networks = pretrained.networks
    if settings.uses_init:
        _check_sizes(settings, networks[-1].sizes)
        n_networks = n_networks or len(networks)
        return [Network(lstm, 1 / n_networks, True) for lstm in islice(cycle(networks), n_networks)]
    share = 0.5 if n_names is None else base_share(n_names)
    has_sizes = not _mismatches(settings, networks[0].sizes)
    if n_networks is None:
        is_alone = share > ALONE_SHARE and has_sizes and "hidden_size" not in settings.given
        n_networks = 1 if is_alone or n_names is None else 2
    if n_networks == 1:
        starts_from_base = share >= 0.5 and has_sizes
        return [Network(networks[0] if starts_from_base else None, 1.0, starts_from_base)]
    others = [Network(None, (1 - share) / (n_networks - 1), False)] * (n_networks - 1)
    return [Network(networks[0], share, True), *others]


def _check_sizes(settings: Settings, sizes: Mapping[str, int | None]) -> None:
    for name in _mismatches(settings, sizes):
        raise ValueError(
            f"{name} must be {sizes[name]!r}, as in the networks of init or the last fit. "
            f"Got {settings.given[name]!r}."
        )


def _mismatches(settings: Settings, sizes: Mapping[str, int | None]) -> list[str]:
    """Return the names of the sizes for which the user has set another value."""
    return [name for name, n in sizes.items() if settings.given.get(name, n) != n]


def _shard(settings: Settings, n_names: int) -> tuple[int, int]:
    """Return the index of this process and the number of processes."""
    accelerator, random_state = settings.accelerator, settings.random_state
    if not accelerator:
        return 0, 1
    n_shards = accelerator.num_processes
    if n_shards > 1 and not isinstance(random_state, Integral):
        raise ValueError(
            f"random_state must be the same int in all {n_shards} processes. Got {random_state!r}."
        )
    if n_names < n_shards:
        raise ValueError(
            f"X must contain at least one name for each of the {n_shards} processes. Got {n_names}."
        )
    return accelerator.process_index, n_shards
