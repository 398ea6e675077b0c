"""What the parameters of `CharLSTMGenerator` may be."""

import inspect
from math import isfinite

import numpy as np
import torch
from skorch.callbacks import Callback

from ._validation import check_int, check_option, check_real

_MAX_WEIGHTS = 10**9


def check_params(generator):
    """Raise unless the parameters of a `CharLSTMGenerator` are of the kinds it documents."""
    for name in ("num_layers", "n_iter_no_change"):
        check_int(name, getattr(generator, name), 1)
    for name in ("hidden_size", "batch_size", "max_epochs"):
        check_int(name, getattr(generator, name), 1, or_auto=True)
    if generator.embedding_dim is not None:
        check_int("embedding_dim", generator.embedding_dim, 1)
    check_real("dropout", generator.dropout, "in [0, 1)", lambda p: 0 <= p < 1)
    check_real("ngram_weight", generator.ngram_weight, "in [0, 1]", lambda w: 0 <= w <= 1)
    check_real("lr", generator.lr, "a finite number > 0", lambda lr: lr > 0 and isfinite(lr))
    check_real(
        "weight_decay",
        generator.weight_decay,
        "a finite number >= 0",
        lambda decay: decay >= 0 and isfinite(decay),
    )
    check_real(
        "validation_fraction", generator.validation_fraction, "in (0, 1)", lambda f: 0 < f < 1
    )
    check_option("lr_schedule", generator.lr_schedule, ("one_cycle", "constant"))
    check_option("precision", generator.precision, ("auto", "float32", "bfloat16"))
    for name in ("early_stopping", "warm_start"):
        check_option(name, getattr(generator, name), (True, False))
    if not isinstance(generator.verbose, (bool, np.bool_)):
        check_int("verbose", generator.verbose, 0)
    callbacks = [] if generator.callbacks is None else generator.callbacks
    if not isinstance(callbacks, (list, tuple)) or not all(map(_is_callback, callbacks)):
        raise TypeError(
            f"callbacks must be a list of skorch callbacks or None. Got {generator.callbacks!r}."
        )
    if generator.net_params is not None and not isinstance(generator.net_params, dict):
        raise TypeError(f"net_params must be a dict or None. Got {generator.net_params!r}.")
    if not usable(generator.device):
        raise ValueError(
            "device must be one that torch can compute on here, such as 'cpu'. "
            f"Got {generator.device!r}."
        )
    if generator.accelerator is not None and not hasattr(generator.accelerator, "num_processes"):
        raise TypeError(
            f"accelerator must be an accelerate.Accelerator or None. Got {generator.accelerator!r}."
        )
    optimizer_class(generator.optimizer)


def check_size(config):
    """Raise if a network of this `CharLSTM.config` would be larger than any memory."""
    hidden_size, embedding_dim = config["hidden_size"], config["embedding_dim"]
    n_vectors = config["n_characters"] + 2 + config["n_labels"]
    n_gates = 4 * hidden_size
    n_weights = n_gates * (embedding_dim or n_vectors)
    n_weights += n_gates * hidden_size * (2 * config["num_layers"] - 1)
    n_weights += n_vectors * (embedding_dim or 0) + hidden_size * config["n_characters"]
    if n_weights > _MAX_WEIGHTS:
        raise ValueError(
            f"The network must have at most {_MAX_WEIGHTS:,} weights. Got {n_weights:,}; lower "
            "hidden_size, num_layers or embedding_dim."
        )


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
    except (RuntimeError, AssertionError, TypeError):
        return False


def _is_callback(item):
    """Whether skorch takes it for a callback: an object, a class, or either with a name."""
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        item = item[1]
    return isinstance(item, Callback) or (inspect.isclass(item) and issubclass(item, Callback))
