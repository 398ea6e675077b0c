"""The parameters of `CharLSTMGenerator`, and everything that skorch is told of them."""

import inspect
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from math import cos, isfinite, log2, pi
from numbers import Integral
from typing import Any

import numpy as np
import skorch
import torch
from skorch.callbacks import Callback, EarlyStopping, ProgressBar
from skorch.exceptions import SkorchTrainingImpossibleError
from skorch.helper import predefined_split
from torch import Tensor
from torch.nn import functional as F

from .._sequences import NONE
from .._validation import check_int, check_option, check_real
from .batches import LengthGroupedBatches, SequenceDataset
from .callbacks import EpochLine
from .network import SCORING_BATCH, CharLSTM

_MAX_WEIGHTS = 10**9
# hidden_size="auto" takes the first for fewer sequences than so many, else the second.
_AUTO_HIDDEN_SIZES = 256, 384
_MANY_SEQUENCES = 16_384
_AUTO_EPOCHS = 1500  # of max_epochs="auto", over the square root of the number of sequences
# Share of the training in which the one-cycle schedule raises the learning rate, and steps over
# which it rises where the end of the training is not known.
_WARM_UP = 0.3
_WARM_UP_STEPS = 50


def check_params(generator: Any) -> None:
    """Raise unless the parameters of a `CharLSTMGenerator` are of the kinds it documents."""
    for name in ("num_layers", "n_iter_no_change"):
        check_int(name, getattr(generator, name), 1)
    for name in ("hidden_size", "batch_size", "max_epochs"):
        check_int(name, getattr(generator, name), 1, or_auto=True)
    if generator.embedding_dim is not None:
        check_int("embedding_dim", generator.embedding_dim, 1)
    for name, expected, accepts in (
        ("dropout", "in [0, 1)", lambda p: 0 <= p < 1),
        ("ngram_weight", "in [0, 1]", lambda w: 0 <= w <= 1),
        ("lr", "a finite number > 0", lambda lr: lr > 0 and isfinite(lr)),
        ("weight_decay", "a finite number >= 0", lambda d: d >= 0 and isfinite(d)),
        ("validation_fraction", "in (0, 1)", lambda f: 0 < f < 1),
    ):
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
    if generator.net_params is not None and not isinstance(generator.net_params, dict):
        raise TypeError(f"net_params must be a dict or None. Got {generator.net_params!r}.")
    if not _usable(generator.device):
        raise ValueError(
            "device must be one that torch can compute on here, such as 'cpu'. "
            f"Got {generator.device!r}."
        )
    if generator.accelerator is not None and not hasattr(generator.accelerator, "num_processes"):
        raise TypeError(
            f"accelerator must be an accelerate.Accelerator or None. Got {generator.accelerator!r}."
        )
    _optimizer_class(generator.optimizer)


def build_net(
    generator: Any,
    train: SequenceDataset,
    valid: SequenceDataset,
    rng: np.random.Generator,
    old: "Net | None" = None,
    one_pass: bool = False,
) -> "Net":
    """Return a net that is ready to train as the parameters of a generator say.

    The parameters have passed `check_params`. `rng` decides initial weights, dropout masks and
    the order of batches. The net goes on from the weights of `old`, if there is one; with
    `one_pass` it trains as if others had come before and were to come.
    """
    seed, shuffle_seed = rng.integers(2**63, size=2).tolist()
    n_sequences = train.n_with_targets
    batch_size, max_epochs = training_size(generator, n_sequences)
    params = {
        "criterion": partial(CharacterLoss, float(generator.ngram_weight)),
        "lr": float(generator.lr),
        "max_epochs": 1 if one_pass else max_epochs,
        "batch_size": batch_size,
        "iterator_train": LengthGroupedBatches,
        "iterator_train__generator": torch.Generator().manual_seed(shuffle_seed),
        "iterator_valid": LengthGroupedBatches,
        "iterator_valid__batch_size": SCORING_BATCH,
        "train_split": predefined_split(valid) if generator.early_stopping else None,
        "callbacks__print_log": None,  # its table does not name the unit
        "callbacks": _callbacks(generator, one_pass),
        "device": None if generator.accelerator else generator.device,
        "bfloat16": uses_bfloat16(generator),
        "verbose": int(generator.verbose),
    }
    config = _network_config(generator, n_sequences, seed, old)
    params |= _module_params(config) | _optimizer_params(generator)
    kind = Net
    if generator.accelerator:
        kind = _accelerated(generator.accelerator)
        params["iterator_train__part"] = _part(generator, n_sequences)
        del params["callbacks__print_log"]  # which has its sink set
    net = kind(**params | _extra_params(generator, params)).initialize()
    if old:
        _continue_from(old, net)
    return net


def training_size(generator: Any, n_sequences: int) -> tuple[int, int]:
    """Return the sequences in a batch, and the epochs at most, for so many sequences."""
    batch_size, max_epochs = generator.batch_size, generator.max_epochs
    if batch_size == "auto":
        batch_size = 2 ** int(np.clip(log2(n_sequences) // 2, 6, 9))
    else:
        batch_size = min(int(batch_size), n_sequences)
    if max_epochs == "auto":
        max_epochs = np.clip(round(_AUTO_EPOCHS / n_sequences**0.5), 3, 12)
    return batch_size, int(max_epochs)


def _network_config(generator, n_sequences, seed, old):
    """Return the arguments of `CharLSTM`; `old` is a net to continue from, or None."""
    before = old.network.config if old else {}
    hidden_size = generator.hidden_size
    if hidden_size == "auto":
        many = n_sequences >= _MANY_SEQUENCES
        hidden_size = before.get("hidden_size", _AUTO_HIDDEN_SIZES[many])
    config = {
        "n_characters": len(generator.alphabet_),
        "hidden_size": int(hidden_size),
        "num_layers": int(generator.num_layers),
        "embedding_dim": generator.embedding_dim and int(generator.embedding_dim),
        "dropout": float(generator.dropout),
        "seed": seed,
        "n_labels": len(getattr(generator, "classes_", ())),
    }
    n_vectors = config["n_characters"] + 2 + config["n_labels"]
    n_units, n_inputs = config["hidden_size"], config["embedding_dim"] or n_vectors
    n_weights = 4 * n_units * (n_inputs + n_units * (2 * config["num_layers"] - 1))
    n_weights += n_vectors * (config["embedding_dim"] or 0) + n_units * config["n_characters"]
    if n_weights > _MAX_WEIGHTS:
        raise ValueError(
            f"The network must have at most {_MAX_WEIGHTS:,} weights. Got {n_weights:,}; lower "
            "hidden_size, num_layers or embedding_dim."
        )
    for name in ("hidden_size", "num_layers", "embedding_dim"):
        if before and config[name] != before[name]:
            raise ValueError(
                f"warm_start needs the network of the last fit. Got another {name}: "
                f"{config[name]!r} instead of {before[name]!r}; set it back, or use "
                "warm_start=False."
            )
    return config


def uses_bfloat16(generator: Any) -> bool:
    """Whether training computes in bfloat16; raise if it should but cannot."""
    if generator.precision == "float32":
        return False
    accelerator = generator.accelerator
    device = accelerator.device if accelerator else torch.device(generator.device)
    is_fast = torch.cpu._is_avx512_bf16_supported()
    is_possible = is_fast or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    if device.type == "cuda":
        is_fast = is_possible = torch.cuda.is_bf16_supported(including_emulation=False)
    if generator.precision == "bfloat16" and not is_possible:
        raise ValueError(
            f"precision must be 'auto' or 'float32' on this {device.type}, which cannot compute "
            "in bfloat16. Got 'bfloat16'."
        )
    return is_possible if generator.precision == "bfloat16" else is_fast


def loaded_net(config: dict[str, Any], weights: dict[str, Any], device: Any) -> "Net":
    """Return a net with these weights that only predicts, on the processor if need be."""
    net = _LoadedNet(
        criterion=CharacterLoss,
        device=device if _usable(device) else "cpu",
        **_module_params(config),
    ).initialize()
    net.module_.load_state_dict({name: torch.tensor(weight) for name, weight in weights.items()})
    net.module_.eval()
    return net


class CharacterLoss:
    """Cross-entropy, the mean over characters, in nats.

    `ngram_weight` is the share of the distributions "proba", where targets have them. No module,
    since accelerate would wrap one for several processes, which fails without parameters.
    """

    def __init__(self, ngram_weight: float = 0.0):
        self.ngram_weight = ngram_weight

    def __call__(self, logits: Tensor, targets: dict[str, Tensor]) -> Tensor:
        log_proba, characters = logits.log_softmax(1), targets["characters"]
        loss = F.nll_loss(log_proba, characters, ignore_index=NONE)
        if "proba" not in targets:
            return loss
        each = torch.linalg.vecdot(targets["proba"], log_proba)
        softened = -each[characters != NONE].mean()
        return torch.lerp(loss, softened, self.ngram_weight)


class Net(skorch.NeuralNet):
    """skorch's net with losses averaged over characters, which must stay finite.

    With `bfloat16` training computes in it where torch's autocast finds that safe.
    """

    def __init__(self, *args: Any, bfloat16: bool = False, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.bfloat16 = bfloat16

    @property
    def network(self) -> CharLSTM:
        """The module itself, even while it trains in several processes."""
        module: Any = self.module_
        return getattr(module, "module", module)

    def infer(self, x, **fit_params):
        enabled = self.bfloat16 and self.module_.training
        # No cache: an interruption could leave old weights in it.
        with torch.autocast(
            self.network.device.type, torch.bfloat16, enabled=enabled, cache_enabled=False
        ):
            return super().infer(x, **fit_params).float()

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if iterator is None:
            return
        n_batches = 0
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            logits = step["y_pred"].detach()
            characters = batch[1]["characters"].to(logits.device)
            # Of the characters themselves, whatever the targets were softened with.
            loss = F.cross_entropy(logits, characters, ignore_index=NONE).item()
            if not isfinite(loss):
                raise divergence(f"a loss of {loss}", self)
            # skorch weights the batches of an epoch by this "size".
            self.history.record_batch(f"{prefix}_loss", loss)
            self.history.record_batch(f"{prefix}_batch_size", int((characters != NONE).sum()))
            self.notify("on_batch_end", batch=batch, training=training, **step)
            n_batches += 1
        self.history.record(f"{prefix}_batch_count", n_batches)

    def train(self, dataset: SequenceDataset) -> None:
        """Train until the end, or until early stopping; leave the network in evaluation mode."""
        self.notify("on_train_begin", X=dataset, y=None)
        try:
            self.fit_loop(dataset)
        except KeyboardInterrupt:
            if not self._has_stopped_early():
                raise
        finally:
            self.notify("on_train_end", X=dataset, y=None)
            self.network.eval()
            dict(self.callbacks_)["training"].generator = None

    def _has_stopped_early(self):
        """Whether a skorch EarlyStopping, which raises KeyboardInterrupt, ended the training."""
        return any(
            isinstance(callback, EarlyStopping) and callback.misses_ == callback.patience
            for _, callback in self.callbacks_
        )


def divergence(found: str, net: Net) -> ValueError:
    """Return the error that says what was found and what to do."""
    return ValueError(
        f"Training diverged: {found} in epoch {len(net.history)} with lr={net.lr}. "
        "Lower lr or weight_decay."
    )


class _LoadedNet(Net):
    """A net that only predicts: it has no optimizer, which takes most of a second to create."""

    def initialize_optimizer(self, *args, **kwargs):
        return self

    def fit_loop(self, *args, **kwargs):
        raise SkorchTrainingImpossibleError(
            "A loaded net only predicts. To train on, fit the generator with warm_start=True."
        )


def _accelerated(accelerator):
    """Return a class of nets that train with an accelerate.Accelerator."""
    from skorch.hf import AccelerateMixin

    class AcceleratedNet(AccelerateMixin, Net):
        def __init__(self, *args, **kwargs):
            kwargs["callbacks__print_log__sink"] = lambda *args: None
            super().__init__(*args, accelerator=accelerator, **kwargs)

    return AcceleratedNet


class _Training(Callback):
    """Set the learning rate before each step; keep on record in the generator what was done.

    So it may be saved meanwhile. The learning rate is `lr` times ``factor(step, n_steps)``.
    """

    def __init__(self, generator: Any, factor: Callable[[int, int], float]):
        self.generator = generator
        self.factor = factor

    def on_train_begin(self, net, X=None, **kwargs):
        self.step_, self.n_steps_ = 0, net.max_epochs * len(net.get_iterator(X, training=True))

    def on_batch_begin(self, net, training=False, **kwargs):
        if training:
            self.step_ += 1
            for group in net.optimizer_.param_groups:
                group["lr"] = net.lr * self.factor(self.step_, self.n_steps_)

    def on_epoch_end(self, net, **kwargs):
        generator, epoch = self.generator, net.history[-1]
        generator.n_iter_ += 1
        generator.n_steps_ += epoch["train_batch_count"]
        generator.loss_curve_ = [*generator.loss_curve_, float(epoch["train_loss"])]
        if "valid_loss" in epoch:
            scores = generator.validation_scores_ or []
            generator.validation_scores_ = [*scores, -float(epoch["valid_loss"])]


def _one_cycle(step, n_steps):
    """Rise from zero and fall back, both along a cosine."""
    progress = step / (n_steps + 1)
    height = min(progress / _WARM_UP, (1 - progress) / (1 - _WARM_UP))
    return (1 - cos(pi * height)) / 2


def _inverse_square_root(n_before, step, n_steps):
    """Rise over the first steps of all calls, then fall with the inverse square root."""
    step = n_before + step
    return min(step / _WARM_UP_STEPS, (_WARM_UP_STEPS / step) ** 0.5)


def _callbacks(generator, one_pass):
    factor: Any = partial(_inverse_square_root, generator.n_steps_) if one_pass else _one_cycle
    if generator.lr_schedule == "constant":
        factor = lambda step, n_steps: 1.0  # noqa: E731
    callbacks = [("training", _Training(generator, factor))]
    if generator.verbose:
        callbacks += [("progress_bar", ProgressBar()), ("epoch_line", EpochLine())]
    if generator.early_stopping:
        stopping = EarlyStopping(patience=generator.n_iter_no_change, load_best=True)
        callbacks.append(("early_stopping", stopping))
    return callbacks + list(generator.callbacks or [])


def _part(generator, n_sequences):
    """Return which part of each batch this process trains on, of how many."""
    n_parts = generator.accelerator.num_processes
    if n_parts > 1 and not isinstance(generator.random_state, Integral):
        raise ValueError(
            "random_state must be an int, the same in all processes, to train in "
            f"{n_parts} of them. Got {generator.random_state!r}."
        )
    if n_sequences < n_parts:
        raise ValueError(
            f"X must hold at least a sequence for each of {n_parts} processes. Got {n_sequences}."
        )
    return generator.accelerator.process_index, n_parts


def _extra_params(generator, params):
    extra = generator.net_params or {}
    for name in extra:
        if not isinstance(name, str) or name in params.keys() - {"optimizer__weight_decay"}:
            raise ValueError(
                "net_params must hold parameters of skorch.NeuralNet that CharLSTMGenerator "
                f"does not set itself. Got {name!r}."
            )
    return extra


def _module_params(config):
    return {"module": CharLSTM} | {f"module__{name}": value for name, value in config.items()}


def _optimizer_params(generator):
    optimizer = _optimizer_class(generator.optimizer)
    accepted = inspect.signature(optimizer).parameters
    params = {"optimizer": optimizer}
    if "weight_decay" in accepted:
        params["optimizer__weight_decay"] = generator.weight_decay
    if "fused" in accepted:
        params["optimizer__fused"] = True
    return params


def _continue_from(old, new):
    """Copy weights and optimizer from one net to another."""
    new.network.load_state_dict(old.network.state_dict())
    before: Any = getattr(old, "optimizer_", None)  # a loaded net has none
    after: Any = new.optimizer_
    if type(before) is type(after):
        groups = after.state_dict()["param_groups"]
        after.load_state_dict(deepcopy(before.state_dict()) | {"param_groups": groups})


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


def _usable(device):
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
