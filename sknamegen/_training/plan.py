"""The parameters of a `CharLSTMGenerator`: what they may be, and as numbers for one list."""

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

# Below `_FEW` names networks are smaller; from `_MANY` on, pretrained ones learn like those from
# random weights.
_FEW, _MANY = 200, 1000
_MAX_WEIGHTS = 10**9
# How much faster the softmax layer of a pretrained network learns, and vectors of labels that it
# does not know.
_HEAD_LR_FACTOR, _LABEL_LR_FACTOR = 3, 50
# What `net_params` may set: parameters of skorch's net, and those of what it creates.
_NET_PARAMS = set(inspect.signature(NeuralNet.__init__).parameters) - {"self", "kwargs", "compile"}
_CREATED = "dataset", "iterator_train", "iterator_valid", "module", "optimizer"


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
    """Every setting of the training of one network as a number.

    Names are those of the parameters of `CharLSTMGenerator` where there is one.
    """

    # The network.
    share: float  # in the average of all
    pretrained: int | None  # which of the networks that the training starts from; None: none
    n_characters: int
    n_labels: int
    hidden_size: int
    num_layers: int
    embedding_dim: int | None
    dropout: float
    network_seed: int
    # How it learns.
    optimizer: type[torch.optim.Optimizer]
    lr: float
    head_lr_factor: float  # times the learning rate, for the softmax layer
    label_lr_factor: float  # likewise, for the vectors of labels
    lr_schedule: str
    weight_decay: float
    ngram_weight: float
    batch_size: int
    max_epochs: int
    shuffle_seed: int
    patience: int | None  # epochs without improvement; None: no early stopping
    # Steps of all calls before; None: this training is whole, not one pass of several.
    n_steps_before: int | None
    # Where, and what is shown.
    device: Any
    bfloat16: bool
    accelerator: Any
    part: tuple[int, int]  # of each batch that this process trains on, of how many
    callbacks: tuple[Any, ...]
    net_params: Mapping[str, Any]
    verbose: int

    @property
    def module_params(self) -> dict[str, Any]:
        """The arguments of `CharLSTM`."""
        names = "n_characters", "hidden_size", "num_layers", "embedding_dim", "dropout", "n_labels"
        return {name: getattr(self, name) for name in names} | {"seed": self.network_seed}


def check_params(params: Mapping[str, Any]) -> None:
    """Raise unless the parameters are of the kinds that `CharLSTMGenerator` documents."""
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
            "device must be one that torch can compute on here, such as 'cpu'. "
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
        owner, is_of_another, _ = str(name).partition("__")
        if not isinstance(name, str) or owner not in (_CREATED if is_of_another else _NET_PARAMS):
            raise ValueError(
                "net_params must hold parameters of skorch.NeuralNet, or of what it creates, such "
                f"as 'optimizer__betas'. Got {name!r}."
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
    """Resolve parameters that have passed `check_params`, for each network.

    Parameters
    ----------
    params : mapping of str to object
        Of a `CharLSTMGenerator`.
    corpus : Corpus
    n_names : int
        Names to train on; of running text, windows.
    rng : numpy.random.Generator
        Decides initial weights, dropout masks and the order of batches.
    pretrained : Pretrained, default=None
        The networks that some or all start from.
    shares : list of float, default=None
        The weight of each network in the average where the training continues: all of them start
        from `pretrained`. None: it does not.
    init_share : float, default=0
        Where it continues, the share of those networks that began with `init`.
    n_steps_before : int, default=None
        See `TrainPlan`.
    """
    continues = shares is not None
    sizes, shares = _sizes(params, n_names, pretrained, shares, init_share)
    n_weights = sum(_n_weights(size, len(corpus.alphabet), len(corpus.labels)) for _, size in sizes)
    if n_weights > _MAX_WEIGHTS:
        raise ValueError(
            f"The network must have at most {_MAX_WEIGHTS:,} weights. Got {n_weights:,}; lower "
            "hidden_size, num_layers, embedding_dim or num_networks."
        )
    given = {name: kind(params[name]) for name, kind in _KINDS.items() if not is_auto(params[name])}
    accelerator, plans = params["accelerator"], []
    for i, ((number, size), share) in enumerate(zip(sizes, shares, strict=True)):
        is_init = number is not None
        if continues:  # as it was in the first fit
            is_init = init_share == 1 or (i == 0 and init_share > 0)
        network_seed, shuffle_seed = rng.integers(2**63, size=2).tolist()
        settings = _settings(params, n_names, is_init) | given
        has_new_labels = pretrained is not None and not pretrained.label_shares
        plans.append(
            TrainPlan(
                share=share,
                pretrained=number,
                n_characters=len(corpus.alphabet),
                n_labels=len(corpus.labels),
                **size,
                dropout=float(params["dropout"]),
                network_seed=network_seed,
                optimizer=_optimizer_class(params["optimizer"]),
                lr=settings["lr"],
                head_lr_factor=settings["head_lr_factor"],
                label_lr_factor=_LABEL_LR_FACTOR if is_init and has_new_labels else 1,
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
                part=_part(params, n_names) if accelerator else (0, 1),
                callbacks=tuple(params["callbacks"] or ()),
                net_params=params["net_params"] or {},
                verbose=int(params["verbose"]),
            )
        )
    return plans


# Of the parameters that may be "auto", except those that decide sizes.
_KINDS = {
    "lr": float,
    "ngram_weight": float,
    "weight_decay": float,
    "batch_size": int,
    "max_epochs": int,
}


def _settings(params, n_names, is_pretrained):
    """Return what "auto" stands for.

    From few names, a pretrained network learns with small steps, and the weight decay takes 16% of
    its weights: the steps times their mean learning rate times the weight decay.
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


def _sizes(params, n_names, pretrained, shares, init_share):
    """Return for each network which one it starts from, or None, and its sizes; and the shares."""
    names = "hidden_size", "num_layers", "embedding_dim"
    hidden_size = 128 if n_names < _FEW else 240 if n_names < 16_384 else 352
    usual = {name: params[name] and params[name] for name in names}
    if is_auto(usual["hidden_size"]):
        usual["hidden_size"] = hidden_size
    usual = {name: size and int(size) for name, size in usual.items()}
    n_auto = is_auto(params["num_networks"])
    n_networks = 2 if n_auto else int(params["num_networks"])
    if pretrained is None:
        return [(None, usual)] * n_networks, [1 / n_networks] * n_networks
    known = [network.sizes for network in pretrained.networks]
    is_same = {name: is_auto(params[name]) or usual[name] == known[-1][name] for name in names}
    if is_auto(params["init"]) and shares is None:
        share = base_share(n_names)
        if n_networks == 1:
            is_base = all(is_same.values()) and share >= 0.5
            return [(0, known[0]) if is_base else (None, usual)], [1.0]
        others = n_networks - 1
        return [(0, known[0])] + [(None, usual)] * others, [share] + [(1 - share) / others] * others
    if shares is not None:
        is_same["num_networks"] = n_auto or n_networks == len(known)
    # Where only the network from the base was trained so far, sizes describe the others.
    is_checked = not (is_auto(params["init"]) and init_share == 1)
    for name, same in is_same.items():
        if is_checked and not same:
            expected = len(known) if name == "num_networks" else known[-1][name]
            raise ValueError(
                f"{name} must be {expected!r}, as in the network to go on from, that of init or of "
                f"the last fit. Got {params[name]!r}."
            )
    n_networks = len(known) if n_auto or shares is not None else n_networks
    numbers = [number % len(known) for number in range(n_networks)]
    return [(i, known[i]) for i in numbers], shares or [1 / n_networks] * n_networks


def _n_weights(sizes, n_characters, n_labels):
    n_vectors, n_units = n_characters + 2 + n_labels, sizes["hidden_size"]
    n_inputs = sizes["embedding_dim"] or n_vectors
    n_weights = 4 * n_units * (n_inputs + n_units * (2 * sizes["num_layers"] - 1))
    return n_weights + n_vectors * (sizes["embedding_dim"] or 0) + n_units * n_characters


def _part(params, n_names):
    """Return which part of each batch this process trains on, of how many."""
    accelerator, random_state = params["accelerator"], params["random_state"]
    n_parts = accelerator.num_processes
    if n_parts > 1 and not isinstance(random_state, Integral):
        raise ValueError(
            "random_state must be an int, the same in all processes, to train in "
            f"{n_parts} of them. Got {random_state!r}."
        )
    if n_names < n_parts:
        raise ValueError(
            f"X must hold at least a name for each of {n_parts} processes. Got {n_names}."
        )
    return accelerator.process_index, n_parts


def _device(params):
    accelerator = params["accelerator"]
    return torch.device(accelerator.device if accelerator else params["device"])


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether training computes in bfloat16; raise if it should but cannot."""
    if precision == "float32":
        return False
    is_possible = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    # Intel's AVX-512 without AMX computes more slowly in it than in float32.
    is_fast = torch.cpu._is_avx512_bf16_supported() and _is_amd()
    is_fast = device.type == "cpu" and (torch.cpu._is_amx_tile_supported() or is_fast)
    if device.type == "cuda":
        is_fast = is_possible = torch.cuda.is_bf16_supported(including_emulation=False)
    if precision == "bfloat16" and not is_possible:
        raise ValueError(
            f"precision must be 'auto' or 'float32' on this {device.type}, which cannot compute "
            "in bfloat16. Got 'bfloat16'."
        )
    return is_possible if precision == "bfloat16" else is_fast


@cache
def _is_amd():
    cpuinfo = Path("/proc/cpuinfo")  # there is one on Linux
    told = cpuinfo.read_text() if cpuinfo.exists() else platform.processor()
    return "AuthenticAMD" in told


def _optimizer_class(optimizer):
    """Return the class of torch.optim that is meant by a class or its name."""
    given = optimizer
    if isinstance(optimizer, str):
        optimizer = getattr(torch.optim, optimizer, None)
    base = torch.optim.Optimizer
    if not (inspect.isclass(optimizer) and issubclass(optimizer, base)) or optimizer is base:
        raise ValueError(
            "optimizer must be a class of torch.optim or its name, such as 'AdamW', 'RMSprop' "
            f"or 'SGD'. Got {given!r}."
        )
    return optimizer


def _is_usable(device):
    """Whether torch can compute on a device here."""
    try:
        return torch.zeros(1, device=torch.device(device)).item() == 0
    except Exception:  # of many kinds, also ModuleNotFoundError and NotImplementedError
        return False


def _is_callback(item):
    """Whether skorch takes it for a callback: an object, a class, or either with a name."""
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        item = item[1]
    return isinstance(item, Callback) or (inspect.isclass(item) and issubclass(item, Callback))
