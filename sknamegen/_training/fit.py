"""Network training. Each network is a skorch net that trains in its own thread."""

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from copy import deepcopy
from inspect import signature, unwrap
from itertools import zip_longest
from math import cos, isfinite, log, pi
from typing import Any, NoReturn

import numpy as np
import skorch
import torch
from skorch.callbacks import Callback, EarlyStopping
from skorch.helper import predefined_split
from skorch.utils import noop, to_tensor
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset
from tqdm import tqdm

from .._data.sequences import Sequences
from .._models.lstm import LSTM
from .._models.ngrams import NGrams
from .._parallel import Setting, in_threads, one_blas_thread
from .._text.alphabet import NONE
from .._types import Data
from .batches import LengthGroupedBatches, SequenceDataset, TextDataset, TextRows
from .material import Material
from .network import CharLSTM
from .plan import TrainPlan

# `betas` for optimizers with two betas. The averages decay faster than by default, because training
# is short.
_BETAS = 0.8, 0.99

# `torch.set_num_threads` affects the calling thread and the default for threads that use torch
# later. Each training thread therefore calls it, and the last one restores the number.
_torch_threads = Setting(torch.get_num_threads, torch.set_num_threads)


def _without_compiler(optimizer: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Return an optimizer of torch that does not import torch's compiler, which takes a second."""
    if not optimizer.__module__.startswith("torch."):
        return optimizer
    methods = {name: unwrap(getattr(optimizer, name)) for name in ("add_param_group", "zero_grad")}
    methods["step"] = torch.no_grad()(unwrap(optimizer.step))
    return type(optimizer.__name__, (optimizer,), methods)


class Net(skorch.NeuralNet):
    """skorch net that averages losses over characters and rejects losses that are not finite.

    Attributes
    ----------
    plan : TrainPlan
    generator : callable
        Returns a fitted generator with the current weights of this network alone, or None after
        training.
    n_steps : int
        Number of completed training steps.
    """

    plan: TrainPlan
    generator: Callable[..., Any] = noop
    n_steps = 0

    @property
    def network(self) -> CharLSTM:
        """The module, unwrapped if it trains in several processes."""
        module: Any = self.module_
        return getattr(module, "module", module)

    def lstm(self) -> LSTM:
        """Return the network for inference."""
        return LSTM(self.network.arrays())

    @property
    def predict(self) -> NoReturn:
        raise AttributeError(
            "Nets have no predict and no predict_proba. Use the generator, for example "
            "next_char_proba or score_samples. In callbacks, it is net.generator()."
        )

    predict_proba = predict

    def on_train_begin(self, net: object, X: object = None, **kwargs: object) -> None:
        batches = self.get_iterator(X, training=True)
        self.n_planned, self.mean_targets = self.max_epochs * len(batches), batches.mean_targets
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
            return min(step / 50, (50 / step) ** 0.5)
        share = step / (self.n_planned + 1)
        return (1 - cos(pi * min(share / 0.3, (1 - share) / (1 - 0.3)))) / 2

    def infer(self, x: object, **fit_params: object) -> Tensor:
        device_type = self.network.head.weight.device.type
        enabled = self.plan.settings.bfloat16 and self.module_.training
        with torch.autocast(device_type, torch.bfloat16, enabled=enabled):
            return super().infer(x, **fit_params).float()

    def get_loss(
        self, y_pred: Tensor, y_true: object, X: object = None, training: bool = False
    ) -> Tensor:
        """Return the cross-entropy in nats, summed over a batch and divided by `mean_targets`.

        `mean_targets` is the mean number of characters in a batch, so the weight of a character
        does not depend on the size of its batch. In training, the distributions "proba" in the
        targets have the weight `ngram_weight`. `y_pred` has the shape (n_targets, n_characters).
        """
        targets, log_proba = to_tensor(y_true, device=self.device), y_pred.log_softmax(-1)
        characters = targets["characters"]
        losses = F.nll_loss(log_proba, characters, ignore_index=NONE, reduction="none")
        if "weights" in targets:
            losses = losses * targets["weights"]
        if training and self.plan.ngram_weight:
            distilled = torch.linalg.vecdot(targets["proba"], log_proba)
            losses = torch.lerp(losses, -distilled, self.plan.ngram_weight)
        return losses[characters != NONE].sum() / self.mean_targets

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: object
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
            if accelerator := self.plan.settings.accelerator:  # the mean over all processes
                local = torch.tensor([loss * n_targets, n_targets], device=accelerator.device)
                total, n_targets = accelerator.reduce(local, reduction="sum").tolist()
                loss, n_targets = total / n_targets, int(n_targets)
            if not isfinite(loss):
                raise divergence_error(f"a loss of {loss}", self)
            # skorch weights each batch by its batch size in the epoch mean.
            self.history.record_batch(f"{prefix}_loss", loss)
            self.history.record_batch(f"{prefix}_batch_size", n_targets)
            self.notify("on_batch_end", batch=batch, training=training, **step)
        self.history.record(f"{prefix}_batch_count", len(iterator))


def divergence_error(reason: str, net: Net) -> ValueError:
    """Return the error for training that diverged."""
    return ValueError(
        f"Training diverged: {reason} in epoch {len(net.history)} with lr={net.lr}. "
        "Lower lr or weight_decay."
    )


class Progress(Callback):
    """Callback of all networks of a fit: shows their progress, and ends them after an error."""

    def __init__(self, verbose: int):
        self.stopped = threading.Event()
        # tqdm leaves a monitor thread running. Without a terminal, the bar stays hidden.
        self.bar = tqdm(unit="batch", disable=None) if verbose else None

    def on_train_begin(self, net: Net, **kwargs: object) -> None:
        if self.bar is not None:
            with self.bar.get_lock():
                self.bar.total = (self.bar.total or 0) + net.n_planned

    def on_batch_begin(self, net: Net, **kwargs: object) -> None:
        if self.stopped.is_set():
            raise KeyboardInterrupt  # ends the loop, see `_train`

    def on_batch_end(self, net: Net, training: bool = False, **kwargs: object) -> None:
        if training and self.bar is not None:
            with self.bar.get_lock():
                self.bar.update()

    def on_epoch_end(self, net: Net, **kwargs: object) -> None:
        if self.bar is not None:
            epoch = net.history[-1]
            line = f"Epoch {len(net.history)}/{net.max_epochs}: {epoch['train_loss']:.4f} nats/char"
            if "valid_loss" in epoch:
                line += f", held out {epoch['valid_loss']:.4f}"
            self.bar.write(f"{line}, {epoch['dur']:.1f} s")


def fit_networks(
    plans: list[TrainPlan],
    material: Material,
    teacher: NGrams,
    previous_nets: Sequence[Net],
    make_preview: Callable[[list[Net]], object],
) -> list[Net]:
    """Train several networks until the last epoch, or until a callback ends training.

    Training runs in parallel on torch's threads, in new threads, so modes that the caller has set,
    such as `torch.no_grad`, autocast or a default device, do not apply.

    Parameters
    ----------
    plans : list of TrainPlan
    material : Material
    teacher : NGrams
        Counts of the training names, which predict distributions for training.
    previous_nets : sequence of Net
        Nets from the last fit. Training continues with the state of their optimizers.
    make_preview : callable
        Returns a generator with some nets, for `Net.generator`.

    Returns
    -------
    nets : list of Net
        In evaluation mode.
    """
    settings = plans[0].settings
    progress = Progress(settings.verbose)
    stopped, test = progress.stopped, material.training_names.subsample()

    def fit_network(plan: TrainPlan, previous: Net | None) -> Net:
        with _torch_threads.changed(1):
            torch.set_num_threads(1)
            net = _build_net(plan, valid_set, progress)
            if plan.weights:
                net.network.load_arrays(plan.weights)
            if previous and previous.plan.settings.optimizer is settings.optimizer:
                pairs = zip(previous.network.parameters(), net.network.parameters(), strict=True)
                for old, new in pairs:
                    net.optimizer_.state[new] = deepcopy(previous.optimizer_.state[old])
            net.generator = lambda: make_preview([net])
            try:
                if not stopped.is_set():
                    _train(net, train_set)
                if not stopped.is_set():
                    _check_not_diverged(net, test)
            finally:
                net.network.eval()
                net.generator = noop  # The other refers to the nets of the last fit.
        return net

    is_text, has_teacher = material.corpus.is_text, any(plan.ngram_weight for plan in plans)
    option = material.corpus.window_length_ if is_text else teacher if has_teacher else None
    datasets = [(material.training_names, option), (material.held_out, option if is_text else None)]
    n_threads = 1 if settings.accelerator else torch.get_num_threads()
    with nullcontext() if progress.bar is None else progress.bar:
        train_set, valid_set = in_threads(TextDataset if is_text else SequenceDataset, datasets)
        return in_threads(fit_network, zip_longest(plans, previous_nets), n_threads, stopped)


def _build_net(plan: TrainPlan, valid: Dataset, progress: Progress) -> Net:
    """Return an initialized net with the user's `net_params`."""
    settings, callbacks = plan.settings, list[object]([("shared_progress", progress)])
    if settings.early_stopping:
        # Its messages do not name the network.
        stopping = EarlyStopping(patience=settings.n_iter_no_change, load_best=True, sink=noop)
        callbacks.append(("early_stopping", stopping))
    names = signature(CharLSTM).parameters
    params: Data = {f"module__{name}": getattr(plan, name) for name in names}
    params |= _optimizer_params(plan) | _batch_params(plan, isinstance(valid, TextDataset))
    params |= {
        "lr": plan.lr,
        "max_epochs": plan.max_epochs,
        "batch_size": plan.batch_size,
        "device": settings.device,
        "verbose": settings.verbose,
        "module": CharLSTM,
        "optimizer": _without_compiler(settings.optimizer),
        "criterion": noop,  # The loss is in `Net.get_loss`.
        "train_split": predefined_split(valid) if settings.early_stopping else None,
        "callbacks__print_log__sink": noop,  # Its table does not show the unit of the loss.
        "use_caching": False,  # EpochScoring cannot concatenate the targets, which are dicts.
        # Networks train at the same time, so each needs its own copies of the callbacks.
        "callbacks": callbacks + deepcopy(list(settings.callbacks)),
    }
    net_class: Any = Net
    if settings.accelerator:
        from skorch.hf import AccelerateMixin

        net_class = type("AcceleratedNet", (AccelerateMixin, Net), {})
        params["accelerator"] = settings.accelerator
    own = params.keys() | vars(plan).keys() | vars(settings).keys()
    for name in settings.net_params:
        first, last = name.partition("__")[0], name.rpartition("__")[2]
        is_own = name in own or last in own or first == "callbacks"
        if is_own and name not in ("optimizer__betas", "optimizer__weight_decay"):
            raise ValueError(f"net_params must not set what CharLSTMGenerator sets. Got {name!r}.")
    net = net_class(**params | dict(settings.net_params))
    net.plan = plan
    return net.initialize()


def _train(net: Net, dataset: Dataset) -> None:
    """Run the training loop, which callbacks such as skorch's EarlyStopping end by an exception."""
    try:
        with suppress(KeyboardInterrupt):
            net.notify("on_train_begin", X=dataset, y=None)
            net.fit_loop(dataset)
    finally:
        net.notify("on_train_end", X=dataset, y=None)


def _check_not_diverged(net: Net, sequences: Sequences) -> None:
    """Raise an error if the network is worse than guessing by more than a nat per character.

    The recorded losses predate the last steps, so this function computes the final loss. It is NaN
    if weights are.
    """
    loss = np.nan
    with suppress(ValueError), one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        loss = -float(net.lstm().log_proba(sequences).mean())
    if not loss < log(net.plan.n_characters) + 1:
        reason = f"a loss of {loss:.3g} nats per character (worse than guessing)"
        raise divergence_error(reason, net)


def _batch_params(plan: TrainPlan, is_text: bool) -> Data:
    batches = TextRows if is_text else LengthGroupedBatches
    options: Data = {"shard": plan.shard, "n_similar": plan.n_similar, "n_epochs": plan.max_epochs}
    options["generator"] = torch.Generator().manual_seed(plan.shuffle_seed)
    names = signature(batches).parameters
    params = {f"iterator_train__{name}": options[name] for name in names if name in options}
    return params | {"iterator_train": batches, "iterator_valid": batches}


def _optimizer_params(plan: TrainPlan) -> Data:
    optimizer = plan.settings.optimizer
    accepted, groups = signature(optimizer).parameters, list[tuple[str, Data]]()
    options: Data = {"weight_decay": plan.weight_decay, "fused": True}
    if "betas" in accepted and len(accepted["betas"].default) == len(_BETAS):
        options["betas"] = _BETAS
    params = {f"optimizer__{name}": value for name, value in options.items() if name in accepted}
    if plan.head_lr_factor != 1:
        groups.append(("head.*", {"lr": plan.lr * plan.head_lr_factor}))
    if plan.label_lr_factor != 1 and plan.n_labels and plan.embedding_dim:
        lr, weight_decay = plan.lr * plan.label_lr_factor, plan.weight_decay / plan.label_lr_factor
        groups.append(("labels.*", {"lr": lr, "weight_decay": weight_decay}))
    if groups and optimizer is not torch.optim.LBFGS:  # which accepts only one group
        params["optimizer__param_groups"] = groups
    return params
