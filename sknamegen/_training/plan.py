"""Validate the parameters of `CharLSTMGenerator` and choose their values for a list of names."""

import inspect
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from math import inf, log2, log10
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

from .._corpus import Corpus
from .._validation import check_int, check_option, check_real, is_auto
from .pretrained import Pretrained, base_share

# Number of names from which "auto" chooses larger networks.
_FEW = 200
# Number of names below which a pretrained network trains with smaller steps.
_MANY = 1000
# Maximum total number of weights across all networks.
_MAX_WEIGHTS = 10**9
# Learning rate multipliers in fine-tuning, for the softmax layer and for the vectors of new labels.
_HEAD_LR_FACTOR, _LABEL_LR_FACTOR = 3, 10
# Parameters of skorch.NeuralNet that `net_params` may set, and prefixes for parameters of its
# components.
_NET_PARAMS = set(inspect.signature(NeuralNet.__init__).parameters) - {"self", "kwargs", "compile"}
_COMPONENTS = "dataset", "iterator_train", "iterator_valid", "module", "optimizer"


def _real(expected: str, accepts: Callable[[float], bool], or_auto: bool = False) -> Any:
    return partial(check_real, expected=expected, accepts=accepts, or_auto=or_auto)


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "num_networks": partial(check_int, low=1, high=100, or_auto=True),
    "hidden_size": partial(check_int, low=1, or_auto=True),
    "num_layers": partial(check_int, low=1, high=100),
    "embedding_dim": lambda name, dim: None if dim is None else check_int(name, dim, 1),
    "dropout": _real("in [0, 1)", lambda p: 0 <= p < 1),
    "ngram_weight": _real("in [0, 1]", lambda w: 0 <= w <= 1, or_auto=True),
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
    "verbose": lambda name, v: None if isinstance(v, (bool, np.bool_)) else check_int(name, v, 0),
}


@dataclass(frozen=True)
class TrainPlan:
    """Numerical settings for training one network.

    Fields that correspond to parameters of `CharLSTMGenerator` have the same names.
    """

    # Network
    share: float  # weight in the average of all networks
    pretrained: int | None  # index of the pretrained network to start from; None: random weights
    n_characters: int
    n_labels: int
    hidden_size: int
    num_layers: int
    embedding_dim: int | None
    dropout: float
    network_seed: int
    # Training
    optimizer: type[torch.optim.Optimizer]
    lr: float
    head_lr_factor: float  # learning rate multiplier for the softmax layer
    label_lr_factor: float  # learning rate multiplier for the vectors of new labels
    lr_schedule: str
    weight_decay: float
    ngram_weight: float
    batch_size: int
    max_epochs: int
    shuffle_seed: int
    patience: int | None  # epochs without improvement; None: no early stopping
    # Number of steps in earlier calls to partial_fit. None: fit.
    n_steps_before: int | None
    # Hardware and output
    device: Any
    bfloat16: bool
    accelerator: Any
    shard: tuple[int, int]  # index of this process's shard of each batch, and number of shards
    callbacks: tuple[Any, ...]
    net_params: Mapping[str, Any]
    verbose: int

    @property
    def module_params(self) -> dict[str, Any]:
        """The arguments of `CharLSTM`."""
        names = "n_characters", "hidden_size", "num_layers", "embedding_dim", "dropout", "n_labels"
        return {name: getattr(self, name) for name in names} | {"seed": self.network_seed}


def check_params(params: Mapping[str, Any]) -> None:
    """Raise an error if a parameter has a type or value that `CharLSTMGenerator` rejects."""
    for name, check in _CHECKS.items():
        check(name, params[name])
    callbacks = [] if params["callbacks"] is None else params["callbacks"]
    if not isinstance(callbacks, (list, tuple)) or not all(map(_is_callback, callbacks)):
        raise TypeError(
            f"callbacks must be a list of skorch callbacks or None. Got {params['callbacks']!r}."
        )
    _check_net_params(params["net_params"])
    if not _is_usable(params["device"]):
        raise ValueError(
            "device must be a device that torch can use on this machine, such as 'cpu'. "
            f"Got {params['device']!r}."
        )
    accelerator = params["accelerator"]
    if accelerator is not None and not hasattr(accelerator, "num_processes"):
        raise TypeError(
            f"accelerator must be an accelerate.Accelerator or None. Got {accelerator!r}."
        )
    _optimizer_class(params["optimizer"])
    uses_bfloat16(params["precision"], _device(params))


def _check_net_params(net_params):
    if net_params is not None and not isinstance(net_params, dict):
        raise TypeError(f"net_params must be a dict or None. Got {net_params!r}.")
    for name in net_params or ():
        prefix, separator, _ = str(name).partition("__")
        if not isinstance(name, str) or prefix not in (_COMPONENTS if separator else _NET_PARAMS):
            raise ValueError(
                "net_params may only contain parameters of skorch.NeuralNet or its components, "
                f"such as 'optimizer__betas'. Got {name!r}."
            )


def make_plans(
    params: Mapping[str, Any],
    corpus: Corpus,
    n_names: int,
    rng: np.random.Generator,
    pretrained: Pretrained | None = None,
    shares: list[float] | None = None,
    init_share: float = 0.0,
    n_steps_before: int | None = None,
) -> list[TrainPlan]:
    """Return the training settings for each network, with numbers in place of "auto".

    Parameters
    ----------
    params : mapping of str to object
        Parameters of a `CharLSTMGenerator` that have passed `check_params`.
    corpus : Corpus
    n_names : int
        Number of training names, or of windows in running text.
    rng : numpy.random.Generator
        Random generator for initial weights, dropout masks and batch order.
    pretrained : Pretrained, default=None
        Networks that some or all new networks start from.
    shares : list of float, default=None
        Weight of each network in the average, if training continues. All networks then start from
        `pretrained`. None: training starts anew.
    init_share : float, default=0
        Weight of the networks that started from `init`, if training continues.
    n_steps_before : int, default=None
        See `TrainPlan`.
    """
    continues = shares is not None
    sizes, shares = _choose_sizes(params, n_names, pretrained, shares, init_share)
    n_weights = sum(_n_weights(size, len(corpus.alphabet), len(corpus.labels)) for _, size in sizes)
    if n_weights > _MAX_WEIGHTS:
        raise ValueError(
            f"The networks must have at most {_MAX_WEIGHTS:,} weights in total. Got {n_weights:,}. "
            "Lower hidden_size, num_layers, embedding_dim or num_networks."
        )
    user_settings = {
        name: convert(params[name])
        for name, convert in _AUTO_SETTINGS.items()
        if not is_auto(params[name])
    }
    accelerator, plans = params["accelerator"], []
    is_from_scratch = init_share == 0 if continues else all(index is None for index, _ in sizes)
    if is_from_scratch and n_steps_before is None:
        # Fitted to lists of 20 to 500 names. Next to a pretrained network, 0.5 is better.
        ngram_weight = float(np.clip(3.2 - log10(n_names), 0.5, 0.9))
        user_settings = {"ngram_weight": ngram_weight} | user_settings
    for i, ((pretrained_index, size), share) in enumerate(zip(sizes, shares, strict=True)):
        is_pretrained = pretrained_index is not None
        if continues:  # The first fit decides, because now all networks have weights.
            is_pretrained = init_share == 1 or (i == 0 and init_share > 0)
        network_seed, shuffle_seed = rng.integers(2**63, size=2).tolist()
        settings = _settings(params, n_names, is_pretrained) | user_settings
        has_new_labels = pretrained is not None and not pretrained.label_shares
        plans.append(
            TrainPlan(
                share=share,
                pretrained=pretrained_index,
                n_characters=len(corpus.alphabet),
                n_labels=len(corpus.labels),
                **size,
                dropout=float(params["dropout"]),
                network_seed=network_seed,
                optimizer=_optimizer_class(params["optimizer"]),
                lr=settings["lr"],
                head_lr_factor=settings["head_lr_factor"],
                label_lr_factor=_LABEL_LR_FACTOR if is_pretrained and has_new_labels else 1,
                lr_schedule=params["lr_schedule"],
                weight_decay=settings["weight_decay"],
                ngram_weight=settings["ngram_weight"],
                batch_size=min(settings["batch_size"], n_names),
                max_epochs=settings["max_epochs"] if n_steps_before is None else 1,
                shuffle_seed=shuffle_seed,
                patience=int(params["n_iter_no_change"]) if params["early_stopping"] else None,
                n_steps_before=n_steps_before,
                device=None if accelerator else params["device"],
                bfloat16=uses_bfloat16(params["precision"], _device(params)),
                accelerator=accelerator,
                shard=_shard(params, n_names) if accelerator else (0, 1),
                callbacks=tuple(params["callbacks"] or ()),
                net_params=params["net_params"] or {},
                verbose=int(params["verbose"]),
            )
        )
    return plans


# Parameters that may be "auto", other than sizes, and the type of their values.
_AUTO_SETTINGS: dict[str, Any] = dict.fromkeys(("lr", "ngram_weight", "weight_decay"), float)
_AUTO_SETTINGS |= dict.fromkeys(("batch_size", "max_epochs"), int)


def _settings(params, n_names, is_pretrained):
    """Return the values that replace "auto".

    With few names, a pretrained network trains with small steps, and weight decay shrinks the
    weights by 16% in total. The total is the product of the number of steps, the mean learning rate
    and the weight decay.
    """
    decouples = _optimizer_class(params["optimizer"]) is torch.optim.AdamW
    power = int(log2(n_names) // 2)
    batch_size = 2 ** min(max(power + 1, 3), max(power, 6), 9)
    settings = {
        "lr": 0.01 if is_pretrained else 0.02,
        "head_lr_factor": 1,
        "ngram_weight": 0.5,
        "weight_decay": 0.1 if decouples else 0.01,
        "batch_size": batch_size,
        "max_epochs": int(np.clip(round(1250 / n_names**0.5), 3, 10)),
    }
    if is_pretrained and n_names < _MANY:
        n_steps = 10 * -(-n_names // batch_size)
        settings |= {
            "lr": max(0.00014 * n_names**0.5, 0.002),
            "head_lr_factor": _HEAD_LR_FACTOR,
            "ngram_weight": max(0.35 * log10(n_names / 50), 0.0),
        }
        settings["weight_decay"] = 0.16 / (n_steps * settings["lr"] / 2)
    return settings


def _choose_sizes(params, n_names, pretrained, shares, init_share):
    """Return the pretrained index (or None) and sizes of each network, and all shares."""
    names = "hidden_size", "num_layers", "embedding_dim"
    hidden_size = 128 if n_names < _FEW else 240 if n_names < 16_384 else 352
    scratch = {name: params[name] and params[name] for name in names}
    if is_auto(scratch["hidden_size"]):
        scratch["hidden_size"] = hidden_size
    scratch = {name: size and int(size) for name, size in scratch.items()}
    n_auto = is_auto(params["num_networks"])
    n_networks = 2 if n_auto else int(params["num_networks"])
    if pretrained is None:
        return [(None, scratch)] * n_networks, [1 / n_networks] * n_networks
    fixed = [network.sizes for network in pretrained.networks]
    matches = {name: is_auto(params[name]) or scratch[name] == fixed[-1][name] for name in names}
    if is_auto(params["init"]) and shares is None:
        share = base_share(n_names)
        if n_networks == 1:
            is_base = all(matches.values()) and share >= 0.5
            return [(0, fixed[0]) if is_base else (None, scratch)], [1.0]
        n_scratch = n_networks - 1
        sizes = [(0, fixed[0])] + [(None, scratch)] * n_scratch
        return sizes, [share] + [(1 - share) / n_scratch] * n_scratch
    if shares is not None:
        matches["num_networks"] = n_auto or n_networks == len(fixed)
    # With init="auto", the size parameters do not describe the network from the base.
    is_checked = not (is_auto(params["init"]) and init_share == 1)
    for name, is_match in matches.items():
        if is_checked and not is_match:
            expected = len(fixed) if name == "num_networks" else fixed[-1][name]
            raise ValueError(
                f"{name} must be {expected!r}, as in the networks of init or the last fit. "
                f"Got {params[name]!r}."
            )
    n_networks = len(fixed) if n_auto or shares is not None else n_networks
    indices = [number % len(fixed) for number in range(n_networks)]
    return [(i, fixed[i]) for i in indices], shares or [1 / n_networks] * n_networks


def _n_weights(sizes, n_characters, n_labels):
    n_vectors, n_units = n_characters + 2 + n_labels, sizes["hidden_size"]
    n_inputs = sizes["embedding_dim"] or n_vectors
    n_weights = 4 * n_units * (n_inputs + n_units * (2 * sizes["num_layers"] - 1))
    return n_weights + n_vectors * (sizes["embedding_dim"] or 0) + n_units * n_characters


def _shard(params, n_names):
    """Return the index of this process and the number of processes."""
    accelerator, random_state = params["accelerator"], params["random_state"]
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


def _device(params):
    accelerator = params["accelerator"]
    return torch.device(accelerator.device if accelerator else params["device"])


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether to train in bfloat16. Raise an error if the device does not support `precision`."""
    if precision == "float32":
        return False
    is_supported = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    # On Intel processors with AVX-512 but without AMX, bfloat16 is slower than float32.
    is_fast = torch.cpu._is_avx512_bf16_supported() and _is_amd()
    is_fast = device.type == "cpu" and (torch.cpu._is_amx_tile_supported() or is_fast)
    if device.type == "cuda":
        is_fast = is_supported = torch.cuda.is_bf16_supported(including_emulation=False)
    if precision == "bfloat16" and not is_supported:
        raise ValueError(
            f"precision must be 'auto' or 'float32' on this {device.type}, which does not support "
            "bfloat16. Got 'bfloat16'."
        )
    return is_supported if precision == "bfloat16" else is_fast


@cache
def _is_amd():
    cpuinfo = Path("/proc/cpuinfo")  # only on Linux
    description = cpuinfo.read_text() if cpuinfo.exists() else platform.processor()
    return "AuthenticAMD" in description


def _optimizer_class(optimizer):
    """Return a torch.optim optimizer class, given the class or its name."""
    kind = getattr(torch.optim, optimizer, None) if isinstance(optimizer, str) else optimizer
    base = torch.optim.Optimizer
    if not (inspect.isclass(kind) and issubclass(kind, base)) or kind is base:
        raise ValueError(
            "optimizer must be a class from torch.optim or its name, such as 'AdamW', 'RMSprop' "
            f"or 'SGD'. Got {optimizer!r}."
        )
    return kind


def _is_usable(device):
    """Whether torch can use a device on this machine."""
    try:
        return torch.zeros(1, device=torch.device(device)).item() == 0
    except Exception:  # of many types, including ModuleNotFoundError
        return False


def _is_callback(item):
    """Whether skorch accepts a callback: an object, a class, or a (name, callback) pair."""
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        item = item[1]
    return isinstance(item, Callback) or (inspect.isclass(item) and issubclass(item, Callback))
