"""Network training. Each network is a skorch net that trains in its own thread."""

import inspect
import threading
from collections import defaultdict
from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import partial
from itertools import zip_longest
from math import cos, isfinite, log, pi
from typing import Any, NamedTuple

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
from .._parallel import Setting, in_threads
from .._sequences import Sequences
from .batches import LengthGroupedBatches, SequenceDataset
from .network import CharLSTM
from .plan import TrainPlan

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
    learned : Learned or None
        During training, what a fitted generator consists of in addition to its networks.
    n_steps : int
        Number of completed training steps.
    """

    plan: TrainPlan
    learned: Any = None
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
        return self.learned.generator([self])

    @property
    def predict(self):
        raise AttributeError(
            "Nets have no predict and no predict_proba. Use the generator, for example "
            "next_char_proba or score_samples. In callbacks, it is net.generator()."
        )

    predict_proba = predict

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.n_planned = _n_steps(self, X)
        self.rates = [group["lr"] for group in self.optimizer_.param_groups]

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        super().on_batch_begin(net, batch, training)
        if training and self.plan.lr_schedule == "one_cycle":
            for group, rate in zip(self.optimizer_.param_groups, self.rates, strict=True):
                group["lr"] = rate * self._lr_factor(self.n_steps + 1)

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        self.n_steps += training

    def _lr_factor(self, step):
        """Return the learning rate of a step as a fraction of the maximum."""
        if self.plan.n_steps_before is not None:  # warm-up, then inverse square root decay
            step += self.plan.n_steps_before
            return min(step / _WARM_UP_STEPS, (_WARM_UP_STEPS / step) ** 0.5)
        share = step / (self.n_planned + 1)
        height = min(share / _WARM_UP, (1 - share) / (1 - _WARM_UP))
        return (1 - cos(pi * height)) / 2

    def infer(self, x, **fit_params):
        device_type = self.network.head.weight.device.type
        enabled = self.plan.bfloat16 and self.module_.training
        # After an interruption, a cache could contain outdated weights.
        with torch.autocast(device_type, torch.bfloat16, enabled=enabled, cache_enabled=False):
            return super().infer(x, **fit_params).float()

    def get_loss(self, y_pred, y_true, X=None, training=False):
        y_true = skorch.utils.to_tensor(y_true, device=self.device)
        return self.criterion_(y_pred, y_true, self.plan.ngram_weight if training else 0.0)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
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


def _accelerated_net(accelerator):
    """Return a subclass of `Net` that trains with an accelerate.Accelerator."""
    from skorch.hf import AccelerateMixin

    class AcceleratedNet(AccelerateMixin, Net):
        def __init__(self, *args, **kwargs):
            kwargs["callbacks__print_log__sink"] = lambda *args: None
            super().__init__(*args, accelerator=accelerator, **kwargs)

        def _reduce_over_processes(self, loss, n_targets):
            local = torch.tensor([loss * n_targets, n_targets], device=accelerator.device)
            total, n_targets = accelerator.reduce(local, reduction="sum").tolist()
            return total / n_targets, int(n_targets)

    return AcceleratedNet


class Progress(Callback):
    """Callback of all networks of a fit: shows their progress and can stop their training."""

    def __init__(self, verbose: int, n_networks: int):
        self.stopped = threading.Event()
        self.n_networks = n_networks
        # For each epoch, its history in each network, or None if a network ended before.
        self.epochs: defaultdict[int, list[Any]] = defaultdict(list)
        # tqdm leaves a monitor thread running. Without a terminal, the bar stays hidden.
        self.bar = tqdm(unit="batch", disable=None) if verbose else None

    def on_train_begin(self, net, X=None, **kwargs):
        if self.bar is not None:
            with self.bar.get_lock():
                self.bar.total = (self.bar.total or 0) + _n_steps(net, X)

    def on_batch_begin(self, net, **kwargs):
        if self.stopped.is_set():
            raise KeyboardInterrupt  # skorch's EarlyStopping raises the same error.

    def on_batch_end(self, net, training=False, **kwargs):
        if training and self.bar is not None:
            with self.bar.get_lock():
                self.bar.update()

    def on_epoch_end(self, net, **kwargs):
        self._record(net, len(net.history), net.history[-1])

    def on_train_end(self, net, **kwargs):
        n_epochs = sum("train_loss" in epoch for epoch in net.history)
        for number in range(n_epochs + 1, net.max_epochs + 1):
            self._record(net, number, None)

    def _record(self, net, number, epoch):
        """Record an epoch of one network. The last network prints the mean over all networks."""
        if self.bar is None:
            return
        with self.bar.get_lock():
            self.epochs[number].append(epoch)
            epochs = list(filter(None, self.epochs[number]))
            if len(self.epochs[number]) < self.n_networks or not epochs:
                return
            line = f"Epoch {number}/{net.max_epochs}: {_mean(epochs, 'train_loss')} nats/char"
            if "valid_loss" in epochs[0]:
                line += f", held out {_mean(epochs, 'valid_loss')}"
            print(f"{line}, {max(epoch['dur'] for epoch in epochs):.1f} s")


def _mean(epochs, name):
    return f"{np.mean([epoch[name] for epoch in epochs]):.4f}"


def _n_steps(net, dataset):
    return net.max_epochs * len(net.get_iterator(dataset, training=True))


class TrainingData(NamedTuple):
    """Data shared by all networks of a fit.

    Attributes
    ----------
    train, valid : SequenceDataset
    test : Sequences
        Training sequences to test the final weights.
    learned : Learned
        See `Net`.
    progress : Progress
    """

    train: SequenceDataset
    valid: SequenceDataset
    test: Sequences
    learned: Any
    progress: Progress


def fit_networks(
    plans: list[TrainPlan],
    train: Sequences,
    valid: Sequences,
    previous_nets: list[Net],
    learned: Any,
) -> tuple[list[Net], bool]:
    """Train several networks, in parallel on torch's threads.

    Training runs in new threads, so modes that the caller has set, such as `torch.no_grad`,
    autocast or a default device, do not apply.

    Parameters
    ----------
    plans : list of TrainPlan
    train, valid : Sequences
    previous_nets : list of Net
        Nets from the last fit, empty in a first fit.
    learned : Learned
        See `Net`.

    Returns
    -------
    nets : list of Net
    is_interrupted : bool
        Whether training ended early, because of Ctrl-C or a callback that raised KeyboardInterrupt.
    """
    progress = Progress(plans[0].verbose, len(plans))

    def make_data() -> TrainingData:
        with _one_torch_thread():
            is_text = learned.corpus.is_text
            teacher = learned.counts.ngrams if any(plan.ngram_weight for plan in plans) else None
            train_set = SequenceDataset(train, teacher, is_text)
            valid_set = SequenceDataset(valid, None, is_text)
            return TrainingData(train_set, valid_set, train.subsample(), learned, progress)

    try:
        (data,) = in_threads(make_data, [()])
        calls = [(plan, data, net) for plan, net in zip_longest(plans, previous_nets)]
        n_threads = 1 if plans[0].accelerator else torch.get_num_threads()
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
        if plan.initial_weights:
            net.network.load_arrays(plan.initial_weights)
        if previous and type(previous.optimizer_) is type(net.optimizer_):
            pairs = zip(previous.network.parameters(), net.network.parameters(), strict=True)
            for old, new in pairs:
                net.optimizer_.state[new] = deepcopy(previous.optimizer_.state[old])
        net.learned = data.learned
        try:
            if not stopped.is_set():
                _train(net, data.train, stopped)
            if not stopped.is_set():
                _check_not_diverged(net, data.test)
        finally:
            net.network.eval()
            net.learned = None  # It refers to the nets of the last fit.
    return net


@contextmanager
def _one_torch_thread():
    with _torch_threads.changed(1):
        torch.set_num_threads(1)
        yield


def _build_net(plan, data):
    """Return an initialized net."""
    batches = LengthGroupedBatches(data.train, plan.batch_size, shard=plan.shard)
    loss = partial(character_loss, mean_targets=batches.mean_targets)
    callbacks: list[Any] = [("shared_progress", data.progress)]
    if plan.patience is not None:
        # Its messages do not name the network.
        stopping = EarlyStopping(patience=plan.patience, load_best=True, sink=lambda text: None)
        callbacks.append(("early_stopping", stopping))
    same_named = "lr", "max_epochs", "batch_size", "device", "verbose"
    params = {name: getattr(plan, name) for name in same_named} | {
        # Not a torch module, because accelerate cannot wrap modules without parameters.
        "criterion": lambda: loss,
        "iterator_train": LengthGroupedBatches,
        "iterator_train__generator": torch.Generator().manual_seed(plan.shuffle_seed),
        "iterator_train__shard": plan.shard,
        "iterator_valid": LengthGroupedBatches,
        "train_split": None if plan.patience is None else predefined_split(data.valid),
        "callbacks__print_log": None,  # Its table does not show the unit of the loss.
        "use_caching": False,  # EpochScoring cannot concatenate the targets, which are dicts.
        # Networks train at the same time, so each needs its own copies of the callbacks.
        "callbacks": callbacks + deepcopy(list(plan.callbacks)),
        "module": CharLSTM,
    }
    module_params = inspect.signature(CharLSTM).parameters
    params |= {f"module__{name}": getattr(plan, name) for name in module_params}
    params |= _optimizer_params(plan)
    net_class = Net
    if plan.accelerator:
        net_class = _accelerated_net(plan.accelerator)
        del params["callbacks__print_log"]  # AcceleratedNet sets its sink.
    reserved = params.keys() - {"optimizer__betas", "optimizer__weight_decay"}
    if taken := sorted(reserved & plan.net_params.keys()):
        raise ValueError(
            "net_params may only contain skorch.NeuralNet parameters that "
            f"CharLSTMGenerator does not set itself. Got {taken[0]!r}."
        )
    net = net_class(**params | dict(plan.net_params))
    net.plan = plan
    return net.initialize()


def _train(net, dataset, stopped):
    """Run the training loop. An interrupt ends it and sets `stopped`."""
    try:
        try:
            net.notify("on_train_begin", X=dataset, y=None)
            net.fit_loop(dataset)
        except KeyboardInterrupt:
            if not _has_stopped_early(net):
                raise
        finally:
            net.notify("on_train_end", X=dataset, y=None)
    except KeyboardInterrupt:
        stopped.set()


def _has_stopped_early(net):
    """Whether skorch's EarlyStopping, which raises KeyboardInterrupt, ended training."""
    callbacks = [item for _, item in net.callbacks_ if isinstance(item, EarlyStopping)]
    return any(getattr(item, "misses_", None) == item.patience for item in callbacks)


def _check_not_diverged(net, sequences):
    """Raise an error if the network is worse than guessing by more than a nat per character.

    The recorded losses predate the last steps, so this function computes the final loss.
    """
    loss = np.nan
    with suppress(ValueError), np.errstate(over="ignore", invalid="ignore"):  # NaN in weights
        loss = -float(LSTM(net.network.arrays()).log_proba(sequences).mean())
    if not loss < log(net.plan.n_characters) + 1:
        reason = f"a loss of {loss:.3g} nats per character (worse than guessing)"
        raise divergence_error(reason, net)


def _optimizer_params(plan):
    accepted = inspect.signature(plan.optimizer).parameters
    params = {"optimizer": plan.optimizer}
    if "weight_decay" in accepted:
        params["optimizer__weight_decay"] = plan.weight_decay
    if "betas" in accepted and len(accepted["betas"].default) == len(_BETAS):
        params["optimizer__betas"] = _BETAS
    if "fused" in accepted:
        params["optimizer__fused"] = True
    groups = {}
    if plan.head_lr_factor != 1:
        groups["head.*"] = {"lr": plan.lr * plan.head_lr_factor}
    if plan.label_lr_factor != 1 and plan.n_labels and plan.embedding_dim:
        groups["labels.*"] = {"lr": plan.lr * plan.label_lr_factor}
        if "weight_decay" in accepted:
            groups["labels.*"]["weight_decay"] = plan.weight_decay / plan.label_lr_factor
    if groups and plan.optimizer is not torch.optim.LBFGS:  # which accepts only one group
        params["optimizer__param_groups"] = list(groups.items())
    return params
