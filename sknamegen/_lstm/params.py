"""The parameters of `CharLSTMGenerator`: what they may be, and what "auto" stands for."""

import inspect
from math import isfinite, log2, log10
from typing import Any, NamedTuple

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

from .._validation import check_int, check_option, check_real, is_auto

# hidden_size="auto": more units from so many sequences on.
_HIDDEN_SIZES = {1: 128, 200: 240, 16_384: 352}
_MAX_NETWORKS = 100
_MAX_LAYERS = 100
# What `net_params` may set: parameters of skorch's net, and those of what it creates.
_NET_PARAMS = set(inspect.signature(NeuralNet.__init__).parameters) - {"self", "kwargs", "compile"}
_CREATED = "dataset", "iterator_train", "iterator_valid", "module", "optimizer"


def check_params(generator: Any) -> None:
    """Raise unless the parameters of a `CharLSTMGenerator` are of the kinds it documents."""
    check_int("n_iter_no_change", generator.n_iter_no_change, 1)
    check_int("num_layers", generator.num_layers, 1, high=_MAX_LAYERS)
    check_int("num_networks", generator.num_networks, 1, or_auto=True, high=_MAX_NETWORKS)
    for name in ("hidden_size", "batch_size", "max_epochs"):
        check_int(name, getattr(generator, name), 1, or_auto=True)
    if generator.embedding_dim is not None:
        check_int("embedding_dim", generator.embedding_dim, 1)
    for name, expected, accepts in (
        ("dropout", "in [0, 1)", lambda p: 0 <= p < 1),
        ("ngram_weight", "'auto' or in [0, 1]", lambda w: 0 <= w <= 1),
        ("lr", "'auto' or a finite number > 0", lambda lr: lr > 0 and isfinite(lr)),
        ("weight_decay", "'auto' or a finite number >= 0", lambda d: d >= 0 and isfinite(d)),
        ("validation_fraction", "in (0, 1)", lambda f: 0 < f < 1),
    ):
        if "auto" not in expected or not is_auto(getattr(generator, name)):
            check_real(name, getattr(generator, name), expected, accepts)
    check_option("lr_schedule", generator.lr_schedule, ("one_cycle", "constant"))
    check_option("precision", generator.precision, ("auto", "float32", "bfloat16"))
    check_option("early_stopping", generator.early_stopping)
    check_option("warm_start", generator.warm_start)
    if not isinstance(generator.verbose, (bool, np.bool_)):
        check_int("verbose", generator.verbose, 0)
    callbacks = [] if generator.callbacks is None else generator.callbacks
    if not isinstance(callbacks, (list, tuple)) or not all(map(_is_callback, callbacks)):
        raise TypeError(
            f"callbacks must be a list of skorch callbacks or None. Got {generator.callbacks!r}."
        )
    _check_net_params(generator.net_params)
    if not usable(generator.device):
        raise ValueError(
            "device must be one that torch can compute on here, such as 'cpu'. "
            f"Got {generator.device!r}."
        )
    if generator.accelerator is not None and not hasattr(generator.accelerator, "num_processes"):
        raise TypeError(
            f"accelerator must be an accelerate.Accelerator or None. Got {generator.accelerator!r}."
        )
    _check_optimizer(generator)


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


def _check_optimizer(generator):
    """Raise unless the optimizer can take a step with weights of the network's kinds."""
    optimizer = optimizer_class(generator.optimizer)
    prefix, given = "optimizer__", generator.net_params or {}
    options = {name.removeprefix(prefix): v for name, v in given.items() if name.startswith(prefix)}
    options.pop("param_groups", None)
    accelerator = generator.accelerator
    device = torch.device(accelerator.device if accelerator else generator.device)
    kind: Any = {"dtype": torch.float32, "device": device, "requires_grad": True}
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
            f"gradients, with the options of net_params. Got {generator.optimizer!r}: {error}"
        ) from error


class Settings(NamedTuple):
    """Parameters that may be "auto", as numbers."""

    num_networks: int
    hidden_size: int
    lr: float
    ngram_weight: float
    weight_decay: float
    batch_size: int
    max_epochs: int


def find_settings(generator: Any, n_sequences: int) -> Settings:
    """Return what the parameters mean for so many sequences."""
    given = {
        name: kind(getattr(generator, name))
        for name, kind in Settings.__annotations__.items()
        if not is_auto(getattr(generator, name))
    }
    given.setdefault("num_networks", 1 if generator._from_init or "hidden_size" in given else 2)
    decouples = optimizer_class(generator.optimizer) is torch.optim.AdamW
    found = Settings(
        given["num_networks"],
        hidden_size=usual_hidden_size(n_sequences),
        lr=0.02,
        ngram_weight=0.5,
        weight_decay=0.1 if decouples else 0.01,
        batch_size=2 ** int(np.clip(log2(n_sequences) // 2, 6, 9)),
        max_epochs=int(np.clip(round(1250 / n_sequences**0.5), 3, 10)),
    )
    if generator._from_init:
        found = _init_settings(n_sequences, found, given)
    found = found._replace(**given)
    return found._replace(batch_size=min(found.batch_size, n_sequences))


def usual_hidden_size(n_sequences: int) -> int:
    """Return the units of networks that are to learn from so many sequences."""
    return max(size for least, size in _HIDDEN_SIZES.items() if n_sequences >= least)


def _init_settings(n_sequences, scratch, given):
    """Go from small steps, for few names, to those from scratch, for many.

    The weight decay is what takes a share of the weights that depends on the names alone: the
    steps times their mean learning rate times the weight decay, 0.08 for 50 names, 0.25 at most.
    """
    found = scratch._replace(
        lr=float(np.clip(0.00014 * n_sequences**0.5, 0.002, 0.015)),
        ngram_weight=float(np.clip(0.35 * log10(n_sequences / 50), 0, 0.6)),
        batch_size=min(2 ** int(max(3, log2(n_sequences) // 2 + 1)), scratch.batch_size),
        max_epochs=int(np.clip(round(1500 / n_sequences**0.5), 3, 12)),
    )
    sizes = found._replace(**given)
    n_steps = sizes.max_epochs * -(-n_sequences // sizes.batch_size)
    decay = np.clip(0.0113 * n_sequences**0.5, 0.08, 0.25)
    return found._replace(weight_decay=float(decay / (n_steps * sizes.lr / 2)))


def init_share(n_sequences: int) -> float:
    """Return the share of what a network starts from in its weights; noise is the rest.

    Weights that have learned long learn less well anew (shrink and perturb: Ash and Adams, "On
    Warm-Starting Neural Network Training", 2020).
    """
    return float(np.clip(1 - 0.57 * log10(n_sequences / 1000), 0.6, 1))


def optimizer_class(optimizer):
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


def usable(device):
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
