"""The parameters of a `CharLSTMGenerator`: what they may be, and as numbers for one list."""

import inspect
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from math import isfinite, log2, log10
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

from .._models.model import n_from_init, network_shares
from .._validation import check_int, check_option, check_real, is_auto
from .transfer import Origin

# Below so many sequences networks are smaller, and batches.
_FEW = 200
# hidden_size="auto": more units from so many sequences on.
_HIDDEN_SIZES = {1: 128, _FEW: 240, 16_384: 352}
_NUM_NETWORKS = 2
_MAX_WEIGHTS = 10**9
# How much faster the softmax layer learns where the network starts from another's weights.
_HEAD_LR_FACTOR = 3
# And vectors of labels there, which begin at zero, among others that are learned already.
_LABEL_LR_FACTOR = 50
# What `net_params` may set: parameters of skorch's net, and those of what it creates.
_NET_PARAMS = set(inspect.signature(NeuralNet.__init__).parameters) - {"self", "kwargs", "compile"}
_CREATED = "dataset", "iterator_train", "iterator_valid", "module", "optimizer"

_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "num_networks": partial(check_int, low=1, high=100, or_auto=True),
    "hidden_size": partial(check_int, low=1, or_auto=True),
    "num_layers": partial(check_int, low=1, high=100),
    "embedding_dim": lambda name, dim: None if dim is None else check_int(name, dim, 1),
    "dropout": partial(check_real, expected="in [0, 1)", accepts=lambda p: 0 <= p < 1),
    "ngram_weight": partial(
        check_real, expected="in [0, 1]", accepts=lambda w: 0 <= w <= 1, or_auto=True
    ),
    "lr": partial(
        check_real,
        expected="a finite number > 0",
        accepts=lambda lr: lr > 0 and isfinite(lr),
        or_auto=True,
    ),
    "lr_schedule": partial(check_option, options=("one_cycle", "constant")),
    "weight_decay": partial(
        check_real,
        expected="a finite number >= 0",
        accepts=lambda decay: decay >= 0 and isfinite(decay),
        or_auto=True,
    ),
    "batch_size": partial(check_int, low=1, or_auto=True),
    "max_epochs": partial(check_int, low=1, or_auto=True),
    "early_stopping": check_option,
    "validation_fraction": partial(
        check_real, expected="in (0, 1)", accepts=lambda share: 0 < share < 1
    ),
    "n_iter_no_change": partial(check_int, low=1),
    "precision": partial(check_option, options=("auto", "float32", "bfloat16")),
    "warm_start": check_option,
    "verbose": lambda name, v: None if isinstance(v, (bool, np.bool_)) else check_int(name, v, 0),
}


@dataclass(frozen=True)
class NetworkPlan:
    """What one network starts from, and how it learns; names as in `TrainPlan`."""

    origin: int | None  # which network of those that the training starts from
    origin_share: float  # of that one's weights in those that it begins with
    lr: float
    head_lr_factor: float  # times the learning rate, for the softmax layer
    label_lr_factor: float  # likewise, for the vectors of labels
    weight_decay: float
    ngram_weight: float
    share: float  # in the average


@dataclass(frozen=True)
class TrainPlan:
    """Every setting of a training as a number, for one list of names.

    Names are those of the parameters of `CharLSTMGenerator` where there is one.
    """

    # The networks.
    n_characters: int
    n_labels: int
    networks: tuple[NetworkPlan, ...]
    hidden_size: int
    num_layers: int
    embedding_dim: int | None
    dropout: float
    network_seed: int
    # How they learn.
    optimizer: type[torch.optim.Optimizer]
    lr_schedule: str
    batch_size: int
    max_epochs: int
    shuffle_seed: int
    patience: int | None  # epochs without improvement; None: no early stopping
    # Steps of all calls before; None: this training is whole, not one pass of several.
    n_steps_before: int | None
    # Where, and what is told.
    device: Any
    bfloat16: bool
    accelerator: Any
    part: tuple[int, int]  # of each batch that this process trains on, of how many
    callbacks: tuple[Any, ...]
    net_params: Mapping[str, Any]
    verbose: int

    @property
    def lr(self) -> float:
        """The highest learning rate of a network."""
        return max(network.lr for network in self.networks)

    @property
    def module_params(self) -> dict[str, Any]:
        """The arguments of `CharLSTM`."""
        names = "n_characters", "hidden_size", "num_layers", "embedding_dim", "dropout", "n_labels"
        found = {name: getattr(self, name) for name in names}
        shares = tuple(network.share for network in self.networks)
        return found | {"seed": self.network_seed, "shares": shares}


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
    _check_optimizer(params)
    uses_bfloat16(params["precision"], _device(params))


def _check_net_params(net_params):
    if net_params is None:
        return
    if not isinstance(net_params, dict):
        raise TypeError(f"net_params must be a dict or None. Got {net_params!r}.")
    for name in net_params:
        owner, is_of_another, _ = str(name).partition("__")
        if not isinstance(name, str) or owner not in (_CREATED if is_of_another else _NET_PARAMS):
            raise ValueError(
                "net_params must hold parameters of skorch.NeuralNet, or of what it creates, such "
                f"as 'optimizer__betas'. Got {name!r}."
            )


def _check_optimizer(params):
    """Raise unless the optimizer can take a step with weights of the network's kinds."""
    optimizer = _optimizer_class(params["optimizer"])
    prefix, given = "optimizer__", params["net_params"] or {}
    options = {name.removeprefix(prefix): v for name, v in given.items() if name.startswith(prefix)}
    options.pop("param_groups", None)
    kind: Any = {"dtype": torch.float32, "device": _device(params), "requires_grad": True}
    weights = [torch.ones(2, **kind), torch.ones(2, 2, **kind)]

    def closure():
        loss = weights[0].square().sum() + weights[1].square().sum()
        loss.backward()
        return loss

    try:
        closure()
        optimizer(weights, **{"lr": 1e-3} | options).step(closure)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            "optimizer must be one that can train weights of one and of two dimensions with dense "
            f"gradients, with the options of net_params. Got {params['optimizer']!r}: {error}"
        ) from error


def make_plan(
    params: Mapping[str, Any],
    *,
    n_characters: int,
    n_labels: int,
    n_sequences: int,
    rng: np.random.Generator,
    origin: Origin | None = None,
    init_share: float = 0.0,
    continues: bool = False,
    n_steps_before: int | None = None,
) -> TrainPlan:
    """Resolve parameters that have passed `check_params`.

    Parameters
    ----------
    params : mapping of str to object
        Of a `CharLSTMGenerator`.
    n_characters, n_labels, n_sequences : int
        Of the list; sequences with something to predict.
    rng : numpy.random.Generator
        Decides initial weights, dropout masks and the order of batches.
    origin : Origin, default=None
        What the networks start from.
    init_share : float, default=0
        Share in the average of those networks that began, now or in an earlier call, with what
        `init` says. Above 0 and below 1 they are the first half of the networks.
    continues : bool, default=False
        Whether `origin` is the last fit.
    n_steps_before : int, default=None
        See `TrainPlan`.
    """
    network_seed, shuffle_seed = rng.integers(2**63, size=2).tolist()
    given = {name: kind(params[name]) for name, kind in _KINDS.items() if not is_auto(params[name])}
    scratch = _scratch_settings(params, n_sequences) | given
    of_init = _init_settings(n_sequences, scratch, given)
    settings = of_init if init_share else scratch
    fade = 1.0 if continues else origin_share(n_sequences)
    sizes = {name: params[name] and int(params[name]) for name in ("num_layers", "embedding_dim")}
    sizes |= {name: settings[name] for name in ("hidden_size", "num_networks")}
    if origin:
        sizes |= _sizes_of_origin(params, sizes, origin, fade, init_share, continues)
    _check_size(sizes, n_characters, n_labels)
    n_networks = sizes.pop("num_networks")
    n_init, shares = n_from_init(n_networks, init_share), network_shares(n_networks, init_share)
    if "lr" not in given:  # fewer sequences in a batch ask for smaller steps
        scratch["lr"] *= (settings["batch_size"] / scratch["batch_size"]) ** 0.5
    has_new_labels = origin is not None and not origin.label_shares
    own = [of_init] * n_init + [scratch] * (n_networks - n_init)
    networks = [
        NetworkPlan(
            origin=i % len(origin.networks) if origin and (i < n_init or continues) else None,
            origin_share=fade if i < n_init else 1.0,
            lr=own[i]["lr"],
            head_lr_factor=_HEAD_LR_FACTOR if i < n_init else 1,
            label_lr_factor=_LABEL_LR_FACTOR if i < n_init and has_new_labels else 1,
            weight_decay=own[i]["weight_decay"],
            ngram_weight=own[i]["ngram_weight"],
            share=shares[i],
        )
        for i in range(n_networks)
    ]
    accelerator = params["accelerator"]
    return TrainPlan(
        n_characters=n_characters,
        n_labels=n_labels,
        networks=tuple(networks),
        **sizes,
        dropout=float(params["dropout"]),
        network_seed=network_seed,
        optimizer=_optimizer_class(params["optimizer"]),
        lr_schedule=params["lr_schedule"],
        batch_size=min(settings["batch_size"], n_sequences),
        max_epochs=settings["max_epochs"] if n_steps_before is None else 1,
        shuffle_seed=shuffle_seed,
        patience=int(params["n_iter_no_change"]) if params["early_stopping"] else None,
        n_steps_before=n_steps_before,
        device=None if accelerator else params["device"],
        bfloat16=uses_bfloat16(params["precision"], _device(params)),
        accelerator=accelerator,
        part=_part(params, n_sequences) if accelerator else (0, 1),
        callbacks=tuple(params["callbacks"] or ()),
        net_params=params["net_params"] or {},
        verbose=int(params["verbose"]),
    )


# Of the parameters that may be "auto".
_KINDS = {
    "num_networks": int,
    "hidden_size": int,
    "lr": float,
    "ngram_weight": float,
    "weight_decay": float,
    "batch_size": int,
    "max_epochs": int,
}


def _scratch_settings(params, n_sequences):
    """Return what "auto" stands for where networks start from random weights."""
    decouples = _optimizer_class(params["optimizer"]) is torch.optim.AdamW
    return {
        "num_networks": _NUM_NETWORKS,
        "hidden_size": _usual_hidden_size(n_sequences),
        "lr": 0.02,
        "ngram_weight": 0.5,
        "weight_decay": 0.1 if decouples else 0.01,
        "batch_size": 2 ** int(np.clip(log2(n_sequences) // 2, 5 if n_sequences < _FEW else 6, 9)),
        "max_epochs": int(np.clip(round(1250 / n_sequences**0.5), 3, 10)),
    }


def _usual_hidden_size(n_sequences: int) -> int:
    """Return the units of networks that are to learn from so many sequences."""
    return max(size for least, size in _HIDDEN_SIZES.items() if n_sequences >= least)


def _init_settings(n_sequences, scratch, given):
    """Go from small steps, for few names, to those from scratch, for many.

    The weight decay is what takes a share of the weights that depends on the names alone: the
    steps times their mean learning rate times the weight decay, 0.08 for 50 names, 0.25 at most.
    """
    most_epochs = 12 if n_sequences >= 64 else 10  # there batches double, so steps are half as many
    found = scratch | {
        "lr": float(np.clip(0.00014 * n_sequences**0.5, 0.002, 0.015)),
        "ngram_weight": float(np.clip(0.35 * log10(n_sequences / 50), 0, 0.6)),
        "batch_size": min(2 ** int(max(3, log2(n_sequences) // 2 + 1)), scratch["batch_size"]),
        "max_epochs": int(np.clip(round(1500 / n_sequences**0.5), 3, most_epochs)),
    }
    sizes = found | given
    n_steps = sizes["max_epochs"] * -(-n_sequences // sizes["batch_size"])
    decay = np.clip(0.0113 * n_sequences**0.5, 0.08, 0.25)
    return found | {"weight_decay": float(decay / (n_steps * sizes["lr"] / 2))} | given


def origin_share(n_sequences: int) -> float:
    """Return the share of what a network starts from in its weights; noise is the rest.

    Weights that have learned long learn less well anew (shrink and perturb: Ash and Adams, "On
    Warm-Starting Neural Network Training", 2020).
    """
    return float(np.clip(1 - 0.57 * log10(n_sequences / 1000), 0.6, 1))


def _sizes_of_origin(params, sizes, origin, fade, init_share, continues):
    """Return the sizes of networks that start from others, or raise if they cannot."""
    before, found = dict(origin.networks[0].sizes), dict(sizes)
    if is_auto(params["num_networks"]) and (continues or init_share == 1):
        found["num_networks"] = len(origin.networks)
    if continues:
        before["num_networks"] = len(origin.networks)
    expected = dict(before)
    if is_auto(params["hidden_size"]):
        # Where the start fades, the networks may be as large as they would be without.
        usual = sizes["hidden_size"] if fade < 1 else 1
        expected["hidden_size"] = found["hidden_size"] = max(usual, before["hidden_size"])
    for name, size in expected.items():
        if found[name] != size:
            raise ValueError(
                f"{name} must be {before[name]!r}, as in the network to go on from, that of init "
                f"or of the last fit. Got {found[name]!r}."
            )
    return found


def _check_size(sizes, n_characters, n_labels):
    n_vectors, n_units = n_characters + 2 + n_labels, sizes["hidden_size"]
    n_inputs = sizes["embedding_dim"] or n_vectors
    n_weights = 4 * n_units * (n_inputs + n_units * (2 * sizes["num_layers"] - 1))
    n_weights += n_vectors * (sizes["embedding_dim"] or 0) + n_units * n_characters
    n_weights *= sizes["num_networks"]
    if n_weights > _MAX_WEIGHTS:
        raise ValueError(
            f"The network must have at most {_MAX_WEIGHTS:,} weights. Got {n_weights:,}; lower "
            "hidden_size, num_layers, embedding_dim or num_networks."
        )


def _part(params, n_sequences):
    """Return which part of each batch this process trains on, of how many."""
    accelerator, random_state = params["accelerator"], params["random_state"]
    n_parts = accelerator.num_processes
    if n_parts > 1 and not isinstance(random_state, Integral):
        raise ValueError(
            "random_state must be an int, the same in all processes, to train in "
            f"{n_parts} of them. Got {random_state!r}."
        )
    if n_sequences < n_parts:
        raise ValueError(
            f"X must hold at least a sequence for each of {n_parts} processes. Got {n_sequences}."
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
