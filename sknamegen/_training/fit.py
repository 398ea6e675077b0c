"""Network training. Each network is a skorch net that trains in its own thread."""

import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import fields
from functools import partial
from itertools import zip_longest
from math import cos, isfinite, log, pi
from typing import Any, NamedTuple, NoReturn

import numpy as np
import skorch
import torch
from skorch.callbacks import Callback, EarlyStopping
from skorch.helper import predefined_split
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from .._alphabet import NONE
from .._models.lstm import LSTM
from .._models.ngrams import NGrams
from .._parallel import Setting, in_threads
from .._sequences import Sequences
from .._tasks import Epochs
from .._types import Data
from .batches import LengthGroupedBatches, SequenceDataset
from .network import CharLSTM
from .plan import Settings, TrainPlan

# Share of training in which the one-cycle schedule raises the learning rate, and the number of
# steps with a rising learning rate if the total number of steps is unknown.
_WARM_UP, _WARM_UP_STEPS = 0.3, 50
# `betas` for optimizers with two betas. The averages decay faster than by default, because training
# is short.
_BETAS = 0.8, 0.99

# `torch.set_num_threads` affects the calling thread and the default for threads that use torch
# later. Each training thread therefore calls it, and the last one restores the number.
_torch_threads = Setting(torch.get_num_threads, torch.set_num_threads)


def character_loss(
    logits: Tensor, targets: dict[str, Tensor], ngram_weight: float, mean_targets: float
) -> Tensor:
    """Return the cross-entropy in nats, summed over a batch and divided by `mean_targets`.

    `mean_targets` is the mean number of characters in a batch, so the weight of a character does
    not depend on the size of its batch. `ngram_weight` is the weight of the distributions "proba"
    in the targets. `logits` has the shape (n_targets, n_characters).
    """
    log_proba, characters = logits.log_softmax(-1), targets["characters"]
    has_target = characters != NONE
    positions = torch.arange(len(has_target), device=has_target.device)
    log_likelihood = log_proba[positions, characters.clamp(min=0)]
    if ngram_weight:
        distilled = torch.linalg.vecdot(targets["proba"], log_proba)
        log_likelihood = torch.lerp(log_likelihood, distilled, ngram_weight)
    return -log_likelihood[has_target].sum() / mean_targets


class Net(skorch.NeuralNet):
    """skorch net that averages losses over characters and rejects losses that are not finite.

    Attributes
    ----------
    plan : TrainPlan
    snapshot : callable or None
        During training, a function that returns a fitted generator with some nets.
    n_steps : int
        Number of completed training steps.
    """

    plan: TrainPlan
    snapshot: "Callable[[list[Net]], Any] | None" = None
    n_steps = 0

    @property
    def network(self) -> CharLSTM:
        """The module, unwrapped if it trains in several processes."""
        module: Any = self.module_
        return getattr(module, "module", module)

    def generator(self) -> Any:
        """Return a fitted generator with the current weights of this network alone.

        Only available during training.
        """
        return self.snapshot and self.snapshot([self])

    @property
    def predict(self) -> NoReturn:
        raise AttributeError(
            "Nets have no predict and no predict_proba. Use the generator, for example "
            "next_char_proba or score_samples. In callbacks, it is net.generator()."
        )

    predict_proba = predict

    def on_train_begin(self, net: object, X: Any = None, **kwargs: object) -> None:
        self.n_planned = _n_steps(self, X)
        self.rates = [group["lr"] for group in self.optimizer_.param_groups]

    def on_batch_begin(self, net: object, batch: object = None, training: bool = False) -> None:
        super().on_batch_begin(net, batch, training)
        if training and self.plan.settings.lr_schedule == "one_cycle":
            for group, rate in zip(self.optimizer_.param_groups, self.rates, strict=True):
                group["lr"] = rate * self._lr_factor(self.n_steps + 1)

    def on_batch_end(self, net: object, training: bool = False, **kwargs: object) -> None:
        self.n_steps += training

    def _lr_factor(self, step: int) -> float:
        """Return the learning rate of a step as a fraction of the maximum."""
        if self.plan.n_steps_before is not None:  # warm-up, then inverse square root decay
            step += self.plan.n_steps_before
            return min(step / _WARM_UP_STEPS, (_WARM_UP_STEPS / step) ** 0.5)
        share = step / (self.n_planned + 1)
        height = min(share / _WARM_UP, (1 - share) / (1 - _WARM_UP))
        return (1 - cos(pi * height)) / 2

    def infer(self, x: object, **fit_params: object) -> Tensor:
        device_type = self.network.head.weight.device.type
        enabled = self.plan.settings.bfloat16 and self.module_.training
        # After an interruption, a cache could contain outdated weights.
        with torch.autocast(device_type, torch.bfloat16, enabled=enabled, cache_enabled=False):
            return super().infer(x, **fit_params).float()

    def get_loss(
        self, y_pred: Tensor, y_true: object, X: object = None, training: bool = False
    ) -> Tensor:
        y_true = skorch.utils.to_tensor(y_true, device=self.device)
        return self.criterion_(y_pred, y_true, self.plan.recipe.ngram_weight if training else 0.0)

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        if iterator is None:
            return
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            logits = step["y_pred"].detach()
            characters = batch[1]["characters"].to(logits.device)
            # The reported loss does not include the n-gram targets.
            loss = F.cross_entropy(logits, characters, ignore_index=NONE).item()
            n_targets = int((characters != NONE).sum())
            loss, n_targets = self._reduce_over_processes(loss, n_targets)
            if not isfinite(loss):
                raise divergence_error(f"a loss of {loss}", self)
            # skorch weights each batch by its batch size in the epoch mean.
            self.history.record_batch(f"{prefix}_loss", loss)
            self.history.record_batch(f"{prefix}_batch_size", n_targets)
            self.notify("on_batch_end", batch=batch, training=training, **step)
        self.history.record(f"{prefix}_batch_count", len(iterator))

    def _reduce_over_processes(self, loss: float, n_targets: int) -> tuple[float, int]:
        """Return a batch's mean loss and number of targets over all processes."""
        return loss, n_targets


def divergence_error(reason: str, net: Net) -> ValueError:
    """Return the error for training that diverged."""
    return ValueError(
        f"Training diverged: {reason} in epoch {len(net.history)} with lr={net.lr}. "
        "Lower lr or weight_decay."
    )


def _accelerated_net(accelerator: Any) -> type[Net]:
    """Return a subclass of `Net` that trains with an accelerate.Accelerator."""
    from skorch.hf import AccelerateMixin

    class AcceleratedNet(AccelerateMixin, Net):
        def __init__(self, *args: Any, **kwargs: Any):
            kwargs["callbacks__print_log__sink"] = lambda *args: None
            super().__init__(*args, accelerator=accelerator, **kwargs)

        def _reduce_over_processes(self, loss: float, n_targets: int) -> tuple[float, int]:
            local = torch.tensor([loss * n_targets, n_targets], device=accelerator.device)
            total, n_targets = accelerator.reduce(local, reduction="sum").tolist()
            return total / n_targets, int(n_targets)

    return AcceleratedNet


class Progress(Callback):
    """Callback of all networks of a fit: shows their progress and can stop their training."""

    def __init__(self, verbose: int, epochs: Epochs):
        self.stopped, self.epochs = threading.Event(), epochs
        # tqdm leaves a monitor thread running. Without a terminal, the bar stays hidden.
        self.bar = tqdm(unit="batch", disable=None) if verbose else None

    def on_train_begin(self, net: Net, X: Any = None, **kwargs: object) -> None:
        if self.bar is not None:
            with self.bar.get_lock():
                self.bar.total = (self.bar.total or 0) + _n_steps(net, X)

    def on_batch_begin(self, net: Net, **kwargs: object) -> None:
        if self.stopped.is_set():
            raise KeyboardInterrupt  # as skorch's EarlyStopping

    def on_batch_end(self, net: Net, training: bool = False, **kwargs: object) -> None:
        if training and self.bar is not None:
            with self.bar.get_lock():
                self.bar.update()

    def on_epoch_begin(self, net: Net, **kwargs: object) -> None:
        self.epochs.begin(len(net.history))

    def on_epoch_end(self, net: Net, **kwargs: object) -> None:
        if self.bar is not None:
            epoch = net.history[-1]
            line = f"Epoch {len(net.history)}/{net.max_epochs}: {epoch['train_loss']:.4f} nats/char"
            if "valid_loss" in epoch:
                line += f", held out {epoch['valid_loss']:.4f}"
            with self.bar.external_write_mode():
                print(f"{line}, {epoch['dur']:.1f} s")
        self.epochs.end(len(net.history))
        if len(net.history) >= self.epochs.last:
            raise KeyboardInterrupt  # as skorch's EarlyStopping


def _n_steps(net: Net, dataset: SequenceDataset) -> int:
    return net.max_epochs * len(net.get_iterator(dataset, training=True))


class TrainingData(NamedTuple):
    """Data shared by all networks of a fit.

    Attributes
    ----------
    train, valid : SequenceDataset
    test : Sequences
        Training sequences to test the final weights.
    snapshot : callable
        See `Net`.
    progress : Progress
    """

    train: SequenceDataset
    valid: SequenceDataset
    test: Sequences
    snapshot: Callable[[list[Net]], Any]
    progress: Progress


def fit_networks(
    plans: list[TrainPlan],
    train: Sequences,
    valid: Sequences,
    teacher: NGrams,
    is_text: bool,
    snapshot: Callable[[list[Net]], Any],
    epochs: Epochs,
    previous_nets: Sequence[Net] = (),
) -> tuple[list[Net], bool]:
    """Train several networks, in parallel on torch's threads.

    Training runs in new threads, so modes that the caller has set, such as `torch.no_grad`,
    autocast or a default device, do not apply.

    Parameters
    ----------
    plans : list of TrainPlan
    train, valid : Sequences
    teacher : NGrams
        Counts of the training names, which predict distributions for training.
    is_text : bool
        Whether the sequences are running text.
    snapshot : callable
        See `Net`.
    epochs : Epochs
    previous_nets : sequence of Net, default=()
        Nets from the last fit.

    Returns
    -------
    nets : list of Net
    is_interrupted : bool
        Whether training ended early, because of Ctrl-C or a callback that raised KeyboardInterrupt.
    """
    settings = plans[0].settings
    progress = Progress(settings.verbose, epochs)

    def make_data() -> TrainingData:
        with _one_torch_thread():
            has_teacher = any(plan.recipe.ngram_weight for plan in plans)
            train_set = SequenceDataset(train, teacher if has_teacher else None, is_text)
            valid_set = SequenceDataset(valid, None, is_text)
            return TrainingData(train_set, valid_set, train.subsample(), snapshot, progress)

    try:
        (data,) = in_threads(make_data, [()])
        calls = [(plan, data, net) for plan, net in zip_longest(plans, previous_nets)]
        n_threads = 1 if settings.accelerator else torch.get_num_threads()
        nets = in_threads(fit_network, calls, n_threads, progress.stopped)
    finally:
        if progress.bar is not None:
            progress.bar.close()
    return nets, progress.stopped.is_set()


def fit_network(plan: TrainPlan, data: TrainingData, previous: Net | None = None) -> Net:
    """Train one network until the last epoch, early stopping or an interrupt.

    Parameters
    ----------
    plan : TrainPlan
    data : TrainingData
    previous : Net, default=None
        The net from the last fit. Training continues with the state of its optimizer.

    Returns
    -------
    net : Net
        In evaluation mode.
    """
    with _one_torch_thread():
        net, stopped = _build_net(plan, data), data.progress.stopped
        if plan.start.weights:
            net.network.load_arrays(plan.start.weights)
        if previous and type(previous.optimizer_) is type(net.optimizer_):
            pairs = zip(previous.network.parameters(), net.network.parameters(), strict=True)
            for old, new in pairs:
                net.optimizer_.state[new] = deepcopy(previous.optimizer_.state[old])
        net.snapshot = data.snapshot
        try:
            if not stopped.is_set():
                _train(net, data.train, data.progress)
            if not stopped.is_set():
                _check_not_diverged(net, data.test)
        finally:
            net.network.eval()
            net.snapshot = None  # It refers to the nets of the last fit.
    return net


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    with _torch_threads.changed(1):
        torch.set_num_threads(1)
        yield


def _build_net(plan: TrainPlan, data: TrainingData) -> Net:
    """Return an initialized net."""
    settings, recipe, start = plan[:3]
    batches = LengthGroupedBatches(data.train, recipe.batch_size, shard=plan.shard)
    loss = partial(character_loss, mean_targets=batches.mean_targets)
    callbacks: list[Any] = [("shared_progress", data.progress)]
    if settings.early_stopping:
        # Its messages do not name the network.
        patience = settings.n_iter_no_change
        stopping = EarlyStopping(patience=patience, load_best=True, sink=lambda text: None)
        callbacks.append(("early_stopping", stopping))
    params = {
        "lr": recipe.lr,
        "max_epochs": recipe.max_epochs,
        "batch_size": recipe.batch_size,
        "device": settings.device,
        "verbose": settings.verbose,
        # Not a torch module, because accelerate cannot wrap modules without parameters.
        "criterion": lambda: loss,
        "iterator_train": LengthGroupedBatches,
        "iterator_train__generator": torch.Generator().manual_seed(plan.shuffle_seed),
        "iterator_train__shard": plan.shard,
        "iterator_valid": LengthGroupedBatches,
        "train_split": predefined_split(data.valid) if settings.early_stopping else None,
        "callbacks__print_log": None,  # Its table does not show the unit of the loss.
        "use_caching": False,  # EpochScoring cannot concatenate the targets, which are dicts.
        # Networks train at the same time, so each needs its own copies of the callbacks.
        "callbacks": callbacks + deepcopy(list(settings.callbacks)),
        "module": CharLSTM,
        "module__n_characters": plan.n_characters,
        "module__n_labels": plan.n_labels,
        "module__hidden_size": recipe.hidden_size,
        "module__num_layers": start.num_layers,
        "module__embedding_dim": start.embedding_dim,
        "module__dropout": recipe.dropout,
        "module__seed": plan.seed,
    } | _optimizer_params(plan)
    return _new_net(settings, params, plan)


def _new_net(settings: Settings, params: Data, plan: TrainPlan) -> Net:
    """Return an initialized net with the user's `net_params`."""
    net_class = Net
    if settings.accelerator:
        net_class = _accelerated_net(settings.accelerator)
        del params["callbacks__print_log"]  # AcceleratedNet sets its sink.
    own = params.keys() | {field.name for field in fields(Settings)}
    for name in settings.net_params:
        first, last = name.partition("__")[0], name.rpartition("__")[2]
        is_own = name in own or last in own or first == "callbacks"
        if is_own and name not in ("optimizer__betas", "optimizer__weight_decay"):
            raise ValueError(
                "net_params may only contain skorch.NeuralNet parameters that CharLSTMGenerator "
                f"does not set itself. Got {name!r}."
            )
    net = net_class(**params | dict(settings.net_params))
    net.plan = plan
    return net.initialize()


def _train(net: Net, dataset: SequenceDataset, progress: Progress) -> None:
    """Run the training loop. An interrupt ends it and stops the other networks."""
    try:
        try:
            net.notify("on_train_begin", X=dataset, y=None)
            net.fit_loop(dataset)
        except KeyboardInterrupt:
            if len(net.history) < progress.epochs.last and not _has_stopped_early(net):
                raise
        finally:
            net.notify("on_train_end", X=dataset, y=None)
    except KeyboardInterrupt:
        progress.stopped.set()


def _has_stopped_early(net: Net) -> bool:
    """Whether skorch's EarlyStopping, which raises KeyboardInterrupt, ended training."""
    callbacks = [item for _, item in net.callbacks_ if isinstance(item, EarlyStopping)]
    return any(getattr(item, "misses_", None) == item.patience for item in callbacks)


def _check_not_diverged(net: Net, sequences: Sequences) -> None:
    """Raise an error if the network is worse than guessing by more than a nat per character.

    The recorded losses predate the last steps, so this function computes the final loss.
    """
    loss = np.nan
    with suppress(ValueError), np.errstate(over="ignore", invalid="ignore"):  # NaN in weights
        loss = -float(LSTM(net.network.arrays()).log_proba(sequences).mean())
    if not loss < log(net.plan.n_characters) + 1:
        reason = f"a loss of {loss:.3g} nats per character (worse than guessing)"
        raise divergence_error(reason, net)


def _optimizer_params(plan: TrainPlan) -> Data:
    settings, recipe, start = plan[:3]
    kind, label_lr_factor = settings.optimizer, start.label_lr_factor
    accepted = inspect.signature(kind).parameters
    params: Data = {"optimizer": kind}
    if "weight_decay" in accepted:
        params["optimizer__weight_decay"] = recipe.weight_decay
    if "betas" in accepted and len(accepted["betas"].default) == len(_BETAS):
        params["optimizer__betas"] = _BETAS
    if "fused" in accepted:
        params["optimizer__fused"] = True
    groups: dict[str, dict[str, float]] = {}
    if recipe.head_lr_factor != 1:
        groups["head.*"] = {"lr": recipe.lr * recipe.head_lr_factor}
    if label_lr_factor != 1 and plan.n_labels and start.embedding_dim:
        groups["labels.*"] = {"lr": recipe.lr * label_lr_factor}
        if "weight_decay" in accepted:
            groups["labels.*"]["weight_decay"] = recipe.weight_decay / label_lr_factor
    if groups and kind is not torch.optim.LBFGS:  # which accepts only one group
        params["optimizer__param_groups"] = list(groups.items())
    return params
