"""Validate the parameters of `CharLSTMGenerator` and choose their values for a list of names."""

import inspect
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from itertools import cycle, islice
from math import inf, log2, log10
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from skorch.callbacks import Callback, LRScheduler

from .._data.corpus import Corpus
from .._data.sequences import Sequences
from .._models.pretrained import Network, Pretrained
from .._types import Data, Floats, RandomStateLike
from .._validation import check_int, check_option, check_real, is_auto

# Maximum hidden size and embedding dimension. A layer of this size has 800 million weights.
_MAX_SIZE = 10_000
# Number of epochs with similar names.
_SIMILAR_EPOCHS = 5

Auto = Literal["auto"]


def _real(expected: str, accepts: Callable[[float], bool], or_auto: bool = False) -> Any:
    return partial(check_real, expected=expected, accepts=accepts, or_auto=or_auto)


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "num_networks": partial(check_int, low=1, high=100, or_auto=True),
    "hidden_size": partial(check_int, low=1, high=_MAX_SIZE, or_auto=True),
    "num_layers": partial(check_int, low=1, high=100),
    "embedding_dim": lambda name, n: n if n is None else check_int(name, n, 1, high=_MAX_SIZE),
    "dropout": _real("in [0, 1)", lambda p: 0 <= p < 1, or_auto=True),
    "ngram_weight": _real("in [0, 1]", lambda w: 0 <= w <= 1, or_auto=True),
    "ngram_counts": partial(check_option, options=("auto", True, False)),
    "lr": _real("a finite number > 0", lambda lr: 0 < lr < inf, or_auto=True),
    "lr_schedule": partial(check_option, options=("one_cycle", "constant")),
    "weight_decay": _real("a finite number >= 0", lambda w: 0 <= w < inf, or_auto=True),
    "batch_size": partial(check_int, low=1, or_auto=True),
    "max_epochs": partial(check_int, low=1, or_auto=True),
    "early_stopping": check_option,
    "validation_fraction": _real("in (0, 1)", lambda share: 0 < share < 1),
    "n_iter_no_change": partial(check_int, low=1),
    "precision": partial(check_option, options=("auto", "float32", "bfloat16")),
    "warm_start": check_option,
    "verbose": lambda name, v: int(v) if isinstance(v, (bool, np.bool_)) else check_int(name, v, 0),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Checked parameters of a `CharLSTMGenerator`, with the same names except for `bfloat16`."""

    init: object
    num_networks: int | Auto
    hidden_size: int | Auto
    num_layers: int
    embedding_dim: int | None
    dropout: float | Auto
    ngram_weight: float | Auto
    ngram_counts: bool | Auto
    optimizer: type[torch.optim.Optimizer]
    lr: float | Auto
    lr_schedule: str
    weight_decay: float | Auto
    batch_size: int | Auto
    max_epochs: int | Auto
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    callbacks: tuple[Any, ...]
    net_params: Data
    device: str | torch.device | None
    bfloat16: bool
    accelerator: Any
    verbose: int
    random_state: RandomStateLike


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Values for "auto", which adapt to the number of names.

    `head_lr_factor` and `label_lr_factor` are multipliers of the learning rate, for the softmax
    layer and for the vectors of new labels.
    """

    hidden_size: int
    dropout: float
    ngram_weight: float
    lr: float
    weight_decay: float
    batch_size: int
    max_epochs: int
    head_lr_factor: float
    label_lr_factor: float = 1


@dataclass(frozen=True, kw_only=True)
class TrainPlan(Recipe, Settings):
    """Settings for one network, with numbers instead of "auto".

    Attributes
    ----------
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

    start: Network
    weights: Mapping[str, Floats] | None
    n_characters: int
    n_labels: int
    n_similar: int
    seed: int
    shuffle_seed: int
    n_steps_before: int | None
    shard: tuple[int, int]


def check_params(params: Data) -> Settings:
    """Return the parameters of a `CharLSTMGenerator`, or raise an error if one is invalid."""
    checked = params | {name: check(name, params[name]) for name, check in _CHECKS.items()}
    items = () if params["callbacks"] is None else params["callbacks"]
    callbacks = list(map(_callback, items)) if isinstance(items, (list, tuple)) else [None]
    if not all(isinstance(callback, Callback) for callback in callbacks):
        raise TypeError(
            f"callbacks must be a list of skorch callbacks or None. Got {params['callbacks']!r}."
        )
    if not params["early_stopping"]:
        for callback in callbacks:
            _check_without_validation(callback)
    if not isinstance(params["net_params"], (dict, type(None))):
        raise TypeError(f"net_params must be a dict or None. Got {params['net_params']!r}.")
    device, accelerator = params["device"], params["accelerator"]
    if is_auto(device):
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=torch.device(device)).item()
    except Exception:  # of many types, including ModuleNotFoundError
        raise ValueError(
            f"device must be 'auto' or a usable torch device, such as 'cpu'. Got {device!r}."
        ) from None
    if accelerator is not None and not hasattr(accelerator, "num_processes"):
        raise TypeError(f"accelerator must be None or an Accelerator. Got {accelerator!r}.")
    actual_device = torch.device(accelerator.device if accelerator else device)
    checked |= {
        "optimizer": _optimizer_class(params["optimizer"]),
        "bfloat16": uses_bfloat16(params["precision"], actual_device),
        "callbacks": tuple(items),
        "net_params": params["net_params"] or {},
        "device": None if accelerator else device,
    }
    if any(isinstance(callback, LRScheduler) for callback in callbacks):
        checked["lr_schedule"] = "constant"
    return Settings(**{field.name: checked[field.name] for field in fields(Settings)})


def _check_without_validation(callback: Callback) -> None:
    """Raise an error if a callback requires held-out names."""
    monitor = str(getattr(callback, "monitor", None))
    is_monitor = monitor.startswith("valid_loss")
    if is_monitor or getattr(callback, "on_train", None) is False:
        train_monitor = monitor.replace("valid", "train")
        setting = f"monitor={train_monitor!r}" if is_monitor else "on_train=True"
        raise ValueError(
            f"{type(callback).__name__} requires held-out names. Set early_stopping=True, or pass "
            f"it {setting} to use the training names."
        )


def make_plans(
    settings: Settings,
    corpus: Corpus,
    sequences: Sequences,
    n_similar: int,
    rng: np.random.Generator,
    pretrained: Pretrained | None,
    networks: Sequence[Network],
    n_steps_before: int | None,
) -> list[TrainPlan]:
    """Return the training settings for each network.

    Parameters
    ----------
    settings : Settings
    corpus : Corpus
    sequences : Sequences
        The names to learn, including similar names.
    n_similar : int
        Number of similar names.
    rng : numpy.random.Generator
        Random generator for initial weights, dropout masks and batch order.
    pretrained : Pretrained or None
        Networks that some or all networks start from.
    networks : sequence of Network
        The networks in `pretrained`, if training continues from the last fit.
    n_steps_before : int or None
        See `TrainPlan`.
    """
    names = sequences.name_index[sequences.has_target.any(axis=1)]
    n_names = len(names if corpus.is_text else np.unique(names))
    if networks and networks[-1].lstm:
        _check_sizes(settings, networks[-1].lstm.sizes | {"num_networks": len(networks)})
    networks = networks or _new_networks(settings, n_names - n_similar, pretrained)
    is_from_scratch = not any(network.starts_from_init for network in networks)
    explicit = {name: value for name, value in vars(settings).items() if not is_auto(value)}
    shard, plans = _shard(settings, n_names), []
    for start in networks:
        lstm = start.lstm
        recipe = _recipe(settings.optimizer, n_names, start.starts_from_init)
        if start.starts_from_init and pretrained and not pretrained.label_shares:
            # With the automatic `lr`, the vectors of new labels have a learning rate of 0.3.
            recipe = replace(recipe, label_lr_factor=0.3 / recipe.lr)
        if is_from_scratch and n_steps_before is None:
            # Fitted to lists of 20 to 500 names.
            recipe = replace(recipe, ngram_weight=min(max(3.2 - log10(n_names), 0.5), 0.9))
        if n_similar:
            recipe = replace(recipe, max_epochs=_SIMILAR_EPOCHS, ngram_weight=0.0)
        values = vars(settings) | vars(recipe) | explicit | (lstm.sizes if lstm else {})
        values["batch_size"] = min(values["batch_size"], n_names)
        if n_steps_before is not None:
            values["max_epochs"] = 1
        seed, shuffle_seed = rng.integers(2**63, size=2).tolist()
        plan = TrainPlan(
            **values,
            start=start,
            weights=pretrained.weights_for(lstm, corpus) if pretrained and lstm else None,
            n_characters=len(corpus.alphabet),
            n_labels=len(corpus.labels),
            n_similar=n_similar,
            seed=seed,
            shuffle_seed=shuffle_seed,
            n_steps_before=n_steps_before,
            shard=shard,
        )
        plans.append(plan)
    return plans


def _recipe(optimizer: type[torch.optim.Optimizer], n_names: int, starts_from_init: bool) -> Recipe:
    """Return the values for a number of names.

    In fine-tuning on few names, they are chosen so that names sound like their list while the
    held-out loss is no higher than necessary: training takes small steps, and weight decay shrinks
    the weights by 16% in ten epochs. The total is the product of the number of steps, the mean
    learning rate and the weight decay. The weight of the n-gram targets rises from 50 names on.

    Optimizers other than AdamW, which add weight decay to the gradient, are better without it.
    """
    power = int(log2(n_names) // 2)  # of the largest power of two below the square root
    batch_size = 2 ** min(power + 1, max(power, 6), 9)
    recipe = Recipe(
        hidden_size=352 if n_names >= 16_384 else 240,
        dropout=0.2,
        ngram_weight=0.5,
        lr=0.01 if starts_from_init else 0.02,
        weight_decay=0.1,
        batch_size=batch_size,
        max_epochs=min(max(round(1250 / n_names**0.5), 3), 10),
        head_lr_factor=1,
    )
    if starts_from_init and n_names < 1000:
        n_steps, lr = 10 * -(-n_names // batch_size), 0.003
        recipe = replace(recipe, lr=lr, head_lr_factor=6, weight_decay=0.16 / (n_steps * lr / 2))
        ngram_weight = max(0.35 * log10(n_names / 50), 0.0)
        recipe = replace(recipe, dropout=0.5, ngram_weight=ngram_weight)
    if optimizer is not torch.optim.AdamW:
        recipe = replace(recipe, weight_decay=0.0)
    return recipe


def _new_networks(settings: Settings, n_names: int, pretrained: Pretrained | None) -> list[Network]:
    """Return the initial state of each network in a first fit."""
    n_networks = settings.num_networks if isinstance(settings.num_networks, int) else None
    if pretrained is None:
        n_networks = n_networks or 2
        return [Network(None, 1 / n_networks, False)] * n_networks
    networks = pretrained.networks
    if not is_auto(settings.init):
        _check_sizes(settings, networks[-1].sizes)
        n_networks = n_networks or len(networks)
        return [Network(lstm, 1 / n_networks, True) for lstm in islice(cycle(networks), n_networks)]
    # The weight of the network from the base was fitted to held-out losses on lists of 20 to 30,000
    # names, with a base that was trained without these lists. At 5,000, the weights are equal.
    weight = 1 / (1 + (n_names / 5000) ** 0.6)
    has_sizes = not _mismatches(settings, networks[0].sizes)
    if n_networks is None:
        is_alone = weight > 0.9 and has_sizes and is_auto(settings.hidden_size)
        n_networks = 1 if is_alone else 2
    if n_networks == 1:
        starts_from_base = weight >= 0.5 and has_sizes
        return [Network(networks[0] if starts_from_base else None, 1.0, starts_from_base)]
    others = [Network(None, (1 - weight) / (n_networks - 1), False)] * (n_networks - 1)
    return [Network(networks[0], weight, True), *others]


def _check_sizes(settings: Settings, sizes: Mapping[str, int | None]) -> None:
    for name in _mismatches(settings, sizes):
        raise ValueError(
            f"{name} must be {sizes[name]!r}, as in the networks of init or the last fit. "
            f"Got {getattr(settings, name)!r}."
        )


def _mismatches(settings: Settings, sizes: Mapping[str, int | None]) -> list[str]:
    """Return the names of the sizes for which the user has set another value."""
    return [name for name, n in sizes.items() if getattr(settings, name) not in ("auto", n)]


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


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether to train in bfloat16. Raise an error if the device does not support `precision`."""
    if precision == "float32":
        return False
    is_supported = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    # On Intel processors with AVX-512 but without AMX, bfloat16 is slower than float32.
    is_fast = torch.cpu._is_avx512_bf16_supported() and _is_amd()
    is_fast = is_supported and (torch.cpu._is_amx_tile_supported() or is_fast)
    if device.type == "cuda":
        is_fast = is_supported = torch.cuda.is_bf16_supported(including_emulation=False)
    if precision == "bfloat16" and not is_supported:
        raise ValueError(
            f"precision must be 'auto' or 'float32' on this {device.type}. Got 'bfloat16'."
        )
    return precision == "bfloat16" or (is_fast and device.type in ("cpu", "cuda"))


@cache
def _is_amd() -> bool:
    cpuinfo = Path("/proc/cpuinfo")  # only on Linux
    description = cpuinfo.read_text() if cpuinfo.exists() else platform.processor()
    return "AuthenticAMD" in description


def _optimizer_class(optimizer: Any) -> type[torch.optim.Optimizer]:
    """Return a torch.optim optimizer class, given the class or its name."""
    kind = getattr(torch.optim, optimizer, None) if isinstance(optimizer, str) else optimizer
    base = torch.optim.Optimizer
    if not (inspect.isclass(kind) and issubclass(kind, base)) or kind is base:
        raise ValueError(
            f"optimizer must be a torch.optim class or its name, such as 'SGD'. Got {optimizer!r}."
        )
    return kind


def _callback(item: Any) -> Any:
    """Return the callback in an item of `callbacks`: an object, a class, or a pair with a name."""
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        item = item[1]
    return item() if inspect.isclass(item) and issubclass(item, Callback) else item
