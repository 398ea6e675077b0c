"""Network training. Each network is a skorch net that trains in its own thread."""

import inspect
import threading
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from itertools import zip_longest
from math import cos, isfinite, log, pi
from typing import Any

import numpy as np
import skorch
import torch
from skorch.callbacks import Callback, EarlyStopping
from skorch.helper import predefined_split
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from .._alphabet import NONE
from .._corpus import Corpus
from .._models.lstm import LSTM
from .._models.mixture import Component
from .._models.ngrams import NGrams
from .._parallel import Setting, in_threads
from .._sequences import Sequences
from .batches import LengthGroupedBatches, SequenceDataset
from .network import CharLSTM
from .plan import TrainPlan
from .pretrained import Pretrained

# Number of names per validation batch.
_VALIDATION_BATCH = 1024
# Share of training in which the one-cycle schedule raises the learning rate, and the number of
# steps with a rising learning rate if the total number of steps is unknown.
_WARM_UP, _WARM_UP_STEPS = 0.3, 50
# `betas` for optimizers with two betas. The averages decay faster than by default, because training
# is short.
_BETAS = 0.8, 0.99

# `torch.set_num_threads` affects the calling thread and the default for threads that use torch
# later. Each training thread therefore calls it, and the last one restores the number.
_torch_threads = Setting(torch.get_num_threads, torch.set_num_threads)


class CharacterLoss:
    """Cross-entropy in nats, summed over the characters of a batch and divided by `n_targets`.

    `n_targets` is the mean number of characters in a batch, so the weight of a character does not
    depend on the size of its batch. `ngram_weight` is the weight of the distributions "proba" in
    the targets. The loss is not a torch module, because accelerate wraps modules when training in
    several processes, and cannot wrap modules without parameters.
    """

    def __init__(self, n_targets: float = 1.0):
        self.n_targets = n_targets

    def __call__(
        self, logits: Tensor, targets: dict[str, Tensor], ngram_weight: float = 0.0
    ) -> Tensor:
        # logits of shape (n_targets, n_characters)
        log_proba, characters = logits.log_softmax(-1), targets["characters"]
        has_target = characters != NONE
        positions = torch.arange(len(has_target), device=has_target.device)
        log_likelihood = log_proba[positions, characters.clamp(min=0)]
        if ngram_weight:
            distilled = torch.linalg.vecdot(targets["proba"], log_proba)
            log_likelihood = torch.lerp(log_likelihood, distilled, ngram_weight)
        return -log_likelihood[has_target].sum() / self.n_targets


class Net(skorch.NeuralNet):
    """skorch net that averages losses over characters and rejects losses that are not finite.

    `bfloat16` enables torch's autocast to bfloat16 during training. `ngram_weight` is the weight of
    the n-gram model, as in `CharacterLoss`.

    Attributes
    ----------
    generator : callable or None
        During training, returns a fitted generator with the current weights of this network alone.
    """

    generator: Callable[[], Any] | None = None

    def __init__(
        self, *args: Any, bfloat16: bool = False, ngram_weight: float = 0.0, **kwargs: Any
    ):
        super().__init__(*args, **kwargs)
        self.bfloat16 = bfloat16
        self.ngram_weight = ngram_weight

    @property
    def network(self) -> CharLSTM:
        """The module, unwrapped if it trains in several processes."""
        module: Any = self.module_
        return getattr(module, "module", module)

    def infer(self, x, **fit_params):
        device_type = self.network.head.weight.device.type
        enabled = self.bfloat16 and self.module_.training
        # After an interruption, a cache could contain outdated weights.
        with torch.autocast(device_type, torch.bfloat16, enabled=enabled, cache_enabled=False):
            return super().infer(x, **fit_params).float()

    def get_loss(self, y_pred, y_true, X=None, training=False):
        y_true = skorch.utils.to_tensor(y_true, device=self.device)
        return self.criterion_(y_pred, y_true, self.ngram_weight if training else 0.0)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if iterator is None:
            return
        n_batches = 0
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
            n_batches += 1
        self.history.record(f"{prefix}_batch_count", n_batches)

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


class Training:
    """Training run for one network.

    Parameters
    ----------
    plan : TrainPlan
    corpus : Corpus
    pretrained : Pretrained or None
        Networks that ``plan.pretrained`` refers to.
    previous_net : Net or None
        Net from the last fit. Its optimizer state is reused.

    Attributes
    ----------
    net : Net
        The net in training. Before training, the net from the last fit.
    """

    def __init__(
        self,
        plan: TrainPlan,
        corpus: Corpus,
        pretrained: Pretrained | None,
        previous_net: Net | None,
    ):
        self.plan, self._corpus = plan, corpus
        self._pretrained, self._previous_net = pretrained, previous_net
        self.net: Any = previous_net

    @property
    def has_weights(self) -> bool:
        """Whether the network was trained in at least one step of this fit, or in the last fit."""
        is_trained = self._previous_net is not None
        return is_trained or (self.net is not None and self._schedule.step > 0)

    @property
    def history(self) -> list[Any]:
        """The history of this fit's epochs."""
        epochs = [] if self.net is self._previous_net else self.net.history
        return [epoch for epoch in epochs if "train_loss" in epoch]

    @property
    def component(self) -> Component:
        """The network in numpy, with its weight in the average."""
        return Component(LSTM(self.net.network.arrays()), self.plan.share)

    def run(
        self,
        data: tuple[SequenceDataset, SequenceDataset, Sequences],
        generator: Callable[[], Any],
        bar: Any,
        is_stopped: Callable[[], bool],
    ) -> None:
        """Train until the last epoch or early stopping, then switch to evaluation mode.

        `data` contains the training set, the validation set, and sequences to test the final
        weights.
        """
        dataset, valid, test_sequences = data
        net = self.net = self._build_net(dataset, valid, bar, is_stopped)
        self._load_initial_weights()
        net.generator = generator
        try:
            net.notify("on_train_begin", X=dataset, y=None)
            try:
                net.fit_loop(dataset)
            except KeyboardInterrupt:
                if not (self._has_stopped_early() or is_stopped()):
                    raise
            finally:
                net.notify("on_train_end", X=dataset, y=None)
            if not is_stopped():
                self._check_not_diverged(test_sequences)
        finally:
            net.network.eval()
            net.generator = None

    def _build_net(self, dataset, valid, bar, is_stopped):
        plan = self.plan
        batches = LengthGroupedBatches(dataset, plan.batch_size, shard=plan.shard)
        self._schedule = _Schedule(plan, bar, is_stopped)
        callbacks: list[Any] = [("schedule", self._schedule)]
        if plan.patience is not None:
            stopping = EarlyStopping(patience=plan.patience, load_best=True)
            callbacks.append(("early_stopping", stopping))
        params = {
            "criterion": partial(CharacterLoss, batches.mean_targets),
            "lr": plan.lr,
            "max_epochs": plan.max_epochs,
            "batch_size": plan.batch_size,
            "iterator_train": LengthGroupedBatches,
            "iterator_train__generator": torch.Generator().manual_seed(plan.shuffle_seed),
            "iterator_train__shard": plan.shard,
            "iterator_valid": LengthGroupedBatches,
            "iterator_valid__batch_size": _VALIDATION_BATCH,
            "train_split": None if plan.patience is None else predefined_split(valid),
            "callbacks__print_log": None,  # Its table does not show the unit of the loss.
            # Networks train at the same time, so each needs its own copies of the callbacks.
            "callbacks": callbacks + deepcopy(list(plan.callbacks)),
            "device": plan.device,
            "bfloat16": plan.bfloat16,
            "ngram_weight": plan.ngram_weight,
            "verbose": plan.verbose,
            "module": CharLSTM,
        }
        params |= {f"module__{name}": value for name, value in plan.module_params.items()}
        params |= _optimizer_params(plan)
        net_class = Net
        if plan.accelerator:
            net_class = _accelerated_net(plan.accelerator)
            del params["callbacks__print_log"]  # AcceleratedNet sets its sink.
        for name in plan.net_params:
            if name in params.keys() - {"optimizer__betas", "optimizer__weight_decay"}:
                raise ValueError(
                    "net_params may only contain skorch.NeuralNet parameters that "
                    f"CharLSTMGenerator does not set itself. Got {name!r}."
                )
        return net_class(**params | dict(plan.net_params)).initialize()

    def _load_initial_weights(self):
        """Load the weights of a pretrained network and the optimizer state from the last fit."""
        network, index = self.net.network, self.plan.pretrained
        if self._pretrained is not None and index is not None:
            vocabulary = self._corpus.alphabet_, self._corpus.labels
            weights = self._pretrained.weights_for(index, *vocabulary, network.arrays())
            network.load_arrays(weights)
        old, state = self._previous_net, self.net.optimizer_.state
        if old and type(old.optimizer_) is type(self.net.optimizer_):
            states = {name: old.optimizer_.state[w] for name, w in old.network.named_parameters()}
            state |= {w: deepcopy(states[name]) for name, w in network.named_parameters()}

    def _has_stopped_early(self):
        """Whether skorch's EarlyStopping, which raises KeyboardInterrupt, ended training."""
        return any(
            isinstance(callback, EarlyStopping) and callback.misses_ == callback.patience
            for _, callback in self.net.callbacks_
        )

    def _check_not_diverged(self, sequences):
        """Raise an error if the network is worse than guessing.

        The recorded losses predate the last steps, so this method computes the final loss.
        """
        arrays, loss = self.net.network.arrays(), np.nan
        if all(np.isfinite(weights).all() for weights in arrays.values()):
            with np.errstate(over="ignore", invalid="ignore"):
                loss = -float(LSTM(arrays).log_proba(sequences).mean())
        if not loss < log(self.plan.n_characters) + 1:
            reason = f"a loss of {loss:.3g} nats per character (worse than guessing)"
            raise divergence_error(reason, self.net)


class Ensemble:
    """Training runs for all networks of a generator, in parallel on torch's threads.

    Parameters
    ----------
    plans : list of TrainPlan
    corpus, pretrained
        As in `Training`.
    previous_nets : list of Net
        Nets from the last fit, empty in a first fit.
    """

    def __init__(
        self, plans: list[TrainPlan], corpus: Corpus, pretrained: Any, previous_nets: list[Net]
    ):
        pairs = zip_longest(plans, previous_nets[: len(plans)])
        self.trainings = [Training(plan, corpus, pretrained, net) for plan, net in pairs]

    def run(
        self,
        train: Sequences,
        valid: Sequences,
        teacher: NGrams | None,
        is_text: bool,
        generator: Callable[[list[Training]], Any],
    ) -> None:
        """Train all networks. ``generator(trainings)`` returns a generator with their networks.

        Training runs in new threads, so modes that the caller has set, such as `torch.no_grad`,
        autocast or a default device, do not apply.
        """
        plan = self.trainings[0].plan
        n_threads = 1 if plan.accelerator else torch.get_num_threads()
        test_sequences = train.subsample()

        def make_datasets() -> tuple[SequenceDataset, SequenceDataset, Sequences]:
            with _torch_threads.changed(lambda number: 1):
                dataset = SequenceDataset(train, teacher, is_text)
                return dataset, SequenceDataset(valid), test_sequences

        (data,) = in_threads(make_datasets, [()])
        # tqdm leaves a monitor thread running. Without a terminal, the bar stays hidden.
        bar = tqdm(unit="batch", disable=None) if plan.verbose else None
        # The nets keep this event. A reference to `self` would keep all earlier nets in memory.
        stopped = threading.Event()

        def run(training: Training) -> None:
            with _torch_threads.changed(lambda number: 1):
                torch.set_num_threads(1)
                training.run(data, lambda: generator([training]), bar, stopped.is_set)

        try:
            in_threads(run, [(training,) for training in self.trainings], n_threads, stopped)
        finally:
            if bar is not None:
                bar.close()

    def progress(self, trainings: list[Training], previous: Any = None) -> dict[str, Any]:
        """Return the fitted attributes that describe training, continued from `previous`."""
        histories = [training.history for training in trainings]
        old: dict[str, Any] = {
            "n_iter_": 0,
            "n_steps_": 0,
            "loss_curve_": [],
            "validation_scores_": None,
        }
        old |= {name: getattr(previous, name) for name in old if previous is not None}
        losses = _mean_curve(histories, "train_loss")
        n_steps = [sum(epoch["train_batch_count"] for epoch in epochs) for epochs in histories]
        scores = old["validation_scores_"]
        if trainings[0].plan.patience is not None:
            scores = [*(scores or []), *(-loss for loss in _mean_curve(histories, "valid_loss"))]
        return {
            "n_iter_": old["n_iter_"] + len(losses),
            "n_steps_": old["n_steps_"] + max(n_steps),
            "loss_curve_": old["loss_curve_"] + losses,
            "validation_scores_": scores,
        }


def _mean_curve(histories, name):
    """Return the mean loss in each epoch, over the networks still in training."""
    curves = [[epoch[name] for epoch in epochs] for epochs in histories]
    epochs = zip_longest(*curves, fillvalue=np.nan)
    return [float(np.nanmean(values)) for values in epochs]


class _Schedule(Callback):
    """Callback that sets the learning rate before each step and shows progress."""

    def __init__(self, plan: TrainPlan, bar: Any, is_stopped: Callable[[], bool]):
        self.plan, self.bar, self.is_stopped = plan, bar, is_stopped
        self.step = 0

    def on_train_begin(self, net, X=None, **kwargs):
        self.n_steps = net.max_epochs * len(net.get_iterator(X, training=True))
        if self.bar is not None:
            self.bar.total = (self.bar.total or 0) + self.n_steps

    def on_batch_begin(self, net, training=False, **kwargs):
        if self.is_stopped():
            raise KeyboardInterrupt  # skorch's EarlyStopping raises the same error.
        if training:
            self.step += 1
            for group in net.optimizer_.param_groups:
                group["lr"] = net.lr * group.get("lr_factor", 1) * self._factor()

    def on_batch_end(self, net, training=False, **kwargs):
        if training and self.bar is not None:
            self.bar.update()

    def on_epoch_end(self, net, **kwargs):
        if self.plan.verbose:
            epoch = net.history[-1]
            line = f"Epoch {epoch['epoch']}/{net.max_epochs}: {epoch['train_loss']:.4f} nats/char"
            if "valid_loss" in epoch:
                line += f", held out {epoch['valid_loss']:.4f}"
            print(f"{line}, {epoch['dur']:.1f} s")

    def _factor(self):
        """Return the learning rate as a fraction of the maximum."""
        if self.plan.lr_schedule == "constant":
            return 1.0
        if self.plan.n_steps_before is not None:  # warm-up, then inverse square root decay
            step = self.plan.n_steps_before + self.step
            return min(step / _WARM_UP_STEPS, (_WARM_UP_STEPS / step) ** 0.5)
        progress = self.step / (self.n_steps + 1)
        height = min(progress / _WARM_UP, (1 - progress) / (1 - _WARM_UP))
        return (1 - cos(pi * height)) / 2


def _optimizer_params(plan):
    accepted = inspect.signature(plan.optimizer).parameters
    params = {"optimizer": plan.optimizer}
    if "weight_decay" in accepted:
        params["optimizer__weight_decay"] = plan.weight_decay
    if "betas" in accepted and len(accepted["betas"].default) == len(_BETAS):
        params["optimizer__betas"] = _BETAS
    if "fused" in accepted:
        params["optimizer__fused"] = True
    factors = {"head.*": plan.head_lr_factor}
    if plan.n_labels and plan.embedding_dim:
        factors["labels.*"] = plan.label_lr_factor
    factors = {name: factor for name, factor in factors.items() if factor != 1}
    if (
        factors and plan.optimizer is not torch.optim.LBFGS
    ):  # LBFGS accepts only one parameter group.
        groups = [(name, {"lr_factor": factor}) for name, factor in factors.items()]
        if "labels.*" in factors and "weight_decay" in accepted:
            groups[-1][1]["weight_decay"] = plan.weight_decay / plan.label_lr_factor
        params["optimizer__param_groups"] = groups
    return params
