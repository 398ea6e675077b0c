"""A training: what skorch is told, and what comes of it."""

import inspect
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from math import cos, isfinite, log, pi
from typing import Any

import skorch
import torch
from skorch.callbacks import Callback, EarlyStopping, ProgressBar
from skorch.helper import predefined_split
from skorch.utils import to_tensor
from torch import Tensor
from torch.nn import functional as F

from .._alphabet import NONE
from .._learning import Knowledge
from .._models.kneser_ney import Counts
from .._sequences import Sequences
from .batches import LengthGroupedBatches, SequenceDataset
from .network import CharLSTM
from .plan import TrainPlan
from .threads import side_by_side
from .transfer import Origin

_VALIDATION_BATCH = 1024
# From so many characters in a batch, times the units of a network, a thread for each network gains
# more than it costs.
_MANY_CELLS = 2**11
# Share of the training in which the one-cycle schedule raises the learning rate, and steps over
# which it rises where the end of the training is not known.
_WARM_UP = 0.3
_WARM_UP_STEPS = 50
# Of the optimizers that take two: they forget faster than by default, as the training is short.
_BETAS = 0.8, 0.99
_FREE = {"optimizer__betas", "optimizer__weight_decay"}  # also for net_params to set
_CHECKED = 256  # sequences, about, that tell whether the training diverged


@dataclass(frozen=True)
class Progress:
    """How far trainings have come, all calls together: fitted attributes of the estimator."""

    n_iter_: int = 0
    n_steps_: int = 0
    loss_curve_: tuple[float, ...] = ()
    validation_scores_: tuple[float, ...] | None = None

    @classmethod
    def of(cls, generator: Any) -> "Progress":
        """Return what a fitted generator says."""
        scores = generator.validation_scores_
        return cls(
            generator.n_iter_,
            generator.n_steps_,
            tuple(generator.loss_curve_),
            None if scores is None else tuple(scores),
        )

    def attributes(self) -> dict[str, Any]:
        """Return the attributes, curves as lists."""
        found = dict(vars(self), loss_curve_=list(self.loss_curve_))
        if self.validation_scores_ is not None:
            found["validation_scores_"] = list(self.validation_scores_)
        return found


class CharacterLoss:
    """Cross-entropy, summed over the characters of a batch and divided by `n_targets`, in nats.

    `n_targets` is the mean number of them in a batch, so that each character weighs the same,
    however many others its batch has. `ngram_weight` is the share of the distributions "proba",
    where targets have them. No module, since accelerate would wrap one for
    several processes, which fails without parameters.
    """

    def __init__(self, n_targets: float = 1.0):
        self.n_targets = n_targets

    def __call__(
        self, logits: Tensor, targets: dict[str, Tensor], ngram_weight: float = 0.0
    ) -> Tensor:
        # logits of shape (n_targets, n_characters)
        log_proba, characters = logits.log_softmax(-1), targets["characters"]
        known = characters != NONE
        positions = torch.arange(len(known), device=known.device)
        each = log_proba[positions, characters.clamp(min=0)]
        if ngram_weight:
            softened = torch.linalg.vecdot(targets["proba"], log_proba)
            each = torch.lerp(each, softened, ngram_weight)
        return -each[known].sum() / self.n_targets


class Net(skorch.NeuralNet):
    """skorch's net with losses averaged over characters, which must stay finite.

    With `bfloat16` training computes in it where torch's autocast finds that safe; `ngram_weights`
    are those of the networks.

    Attributes
    ----------
    generator : callable
        While it trains: returns a generator fitted as far as the training has come.
    """

    generator: Callable[[], Any] | None = None

    def __init__(
        self,
        *args: Any,
        bfloat16: bool = False,
        ngram_weights: tuple[float, ...] = (),
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.bfloat16 = bfloat16
        self.ngram_weights = ngram_weights

    @property
    def network(self) -> CharLSTM:
        """The module itself, even while it trains in several processes."""
        module: Any = self.module_
        return getattr(module, "module", module)

    def infer(self, x, **fit_params):
        with self._autocast():
            return super().infer(x, **fit_params).float()

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Return the loss; in training the sum of those of the networks.

        So each learns as if it were alone.
        """
        if y_pred.ndim == 2:
            return self.criterion_(y_pred, y_true)
        each = zip(y_pred, self.ngram_weights, strict=True)
        return sum(self.criterion_(logits, y_true, weight) for logits, weight in each)

    def train_step_single(self, batch, **fit_params):
        """Compute the gradients of the networks, side by side."""
        self._set_training(True)
        inputs, targets = (to_tensor(each, device=self.device) for each in batch)

        def learn(network, ngram_weight):
            with self._autocast():
                logits = network(**inputs).float()
            loss = self.criterion_(logits, targets, ngram_weight)
            loss.backward()
            return loss.detach(), logits.detach()

        # Threads would get in each other's way on other devices.
        n_cells = inputs["inputs"].numel() * self.network.networks[0].head.in_features
        is_apart = n_cells >= _MANY_CELLS and self.network.device.type == "cpu"
        apart: Any = side_by_side if is_apart else map
        found = apart(learn, self.network.networks, self.ngram_weights)
        losses, logits = zip(*found, strict=True)
        return {"loss": sum(losses), "y_pred": torch.stack(logits)}

    def _autocast(self):
        # No cache: an interruption could leave old weights in it.
        kind, enabled = self.network.device.type, self.bfloat16 and self.module_.training
        return torch.autocast(kind, torch.bfloat16, enabled=enabled, cache_enabled=False)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if iterator is None:
            return
        n_batches = 0
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            logits = step["y_pred"].detach()
            logits = self.network.mean(logits) if training else logits
            characters = batch[1]["characters"].to(logits.device)
            # Of the characters themselves, whatever the targets were softened with.
            loss = F.cross_entropy(logits, characters, ignore_index=NONE).item()
            n_targets = int((characters != NONE).sum())
            loss, n_targets = self._of_all_processes(loss, n_targets)
            if not isfinite(loss):
                raise divergence(f"a loss of {loss}", self)
            # skorch weights the batches of an epoch by this "size".
            self.history.record_batch(f"{prefix}_loss", loss)
            self.history.record_batch(f"{prefix}_batch_size", n_targets)
            self.notify("on_batch_end", batch=batch, training=training, **step)
            n_batches += 1
        self.history.record(f"{prefix}_batch_count", n_batches)

    def _of_all_processes(self, loss: float, n_targets: int) -> tuple[float, int]:
        """Return the mean loss and the targets of all parts of a batch."""
        return loss, n_targets


def divergence(found: str, net: Net) -> ValueError:
    """Return the error that says what was found and what to do."""
    return ValueError(
        f"Training diverged: {found} in epoch {len(net.history)} with lr={net.lr}. "
        "Lower lr or weight_decay."
    )


def _accelerated(accelerator):
    """Return a class of nets that train with an accelerate.Accelerator, networks in turn."""
    from skorch.hf import AccelerateMixin

    class AcceleratedNet(AccelerateMixin, Net):
        def __init__(self, *args, **kwargs):
            kwargs["callbacks__print_log__sink"] = lambda *args: None
            super().__init__(*args, accelerator=accelerator, **kwargs)

        def _of_all_processes(self, loss, n_targets):
            here = torch.tensor([loss * n_targets, n_targets], device=accelerator.device)
            total, n_targets = accelerator.reduce(here, reduction="sum").tolist()
            return total / n_targets, int(n_targets)

    return AcceleratedNet


class Training:
    """Networks that learn as a plan says.

    Parameters
    ----------
    plan : TrainPlan
    train, valid : Sequences
        To learn from, and of the names set aside.
    teacher : KneserNey or LabelledKneserNey, default=None
        What the targets are softened with.
    progress : Progress
        Of the calls before.

    Attributes
    ----------
    net : Net
    """

    def __init__(
        self,
        plan: TrainPlan,
        train: Sequences,
        valid: Sequences,
        teacher: Counts | None,
        progress: Progress,
    ):
        self.plan, self._record = plan, _Record(progress)
        self._train = SequenceDataset(train, teacher)
        self.net = self._build_net(SequenceDataset(valid))

    @property
    def progress(self) -> Progress:
        """How far it has come, also after an interruption."""
        return self._record.progress

    def _build_net(self, valid):
        plan = self.plan
        batches = LengthGroupedBatches(self._train, plan.batch_size, part=plan.part)
        params = {
            "criterion": partial(CharacterLoss, batches.mean_targets),
            "lr": plan.lr,
            "max_epochs": plan.max_epochs,
            "batch_size": plan.batch_size,
            "iterator_train": LengthGroupedBatches,
            "iterator_train__generator": torch.Generator().manual_seed(plan.shuffle_seed),
            "iterator_train__part": plan.part,
            "iterator_valid": LengthGroupedBatches,
            "iterator_valid__batch_size": _VALIDATION_BATCH,
            "train_split": None if plan.patience is None else predefined_split(valid),
            "callbacks__print_log": None,  # its table does not name the unit
            "callbacks": self._callbacks(),
            "device": plan.device,
            "bfloat16": plan.bfloat16,
            "ngram_weights": tuple(network.ngram_weight for network in plan.networks),
            "verbose": plan.verbose,
            "module": CharLSTM,
        }
        params |= {f"module__{name}": value for name, value in plan.module_params.items()}
        params |= _optimizer_params(plan)
        kind = Net
        if plan.accelerator:
            kind = _accelerated(plan.accelerator)
            del params["callbacks__print_log"]  # which has its sink set
        return kind(**params | _extra_params(plan, params)).initialize()

    def _callbacks(self):
        plan = self.plan
        factor: Any = _one_cycle
        if plan.lr_schedule == "constant":
            factor = lambda step, n_steps: 1.0  # noqa: E731
        elif plan.n_steps_before is not None:
            factor = partial(_inverse_square_root, plan.n_steps_before)
        callbacks: list[Any] = [("training", _Schedule(factor)), ("record", self._record)]
        if plan.verbose:
            callbacks += [("progress_bar", ProgressBar()), ("epoch_line", EpochLine())]
        if plan.patience is not None:
            stopping = EarlyStopping(patience=plan.patience, load_best=True)
            callbacks.append(("early_stopping", stopping))
        return callbacks + list(plan.callbacks)

    def start_from(self, origin: Origin, known: Knowledge, before: Net | None) -> None:
        """Take over the weights of networks that know names.

        If they are those of the net `before`, so is the state of its optimizer.
        """
        network, to = self.net.network, (known.alphabet_, known.labels)
        network.load_arrays(
            own if plan.origin is None else origin.move(plan.origin, own, *to, plan.origin_share)
            for plan, own in zip(self.plan.networks, network.arrays(), strict=True)
        )
        new: Any = self.net.optimizer_
        old: Any = before and before.optimizer_
        if type(old) is type(new):
            groups = new.state_dict()["param_groups"]
            new.load_state_dict(deepcopy(old.state_dict()) | {"param_groups": groups})

    def run(self, generator: Callable[[], Any]) -> None:
        """Train until the end, or until early stopping; leave the network in evaluation mode.

        ``generator()`` returns a generator that is fitted as far as this has come, for callbacks.
        """
        net, dataset = self.net, self._train
        net.generator = generator
        try:
            net.notify("on_train_begin", X=dataset, y=None)
            try:
                net.fit_loop(dataset)
            except KeyboardInterrupt:
                if not self._has_stopped_early():
                    raise
            finally:
                net.notify("on_train_end", X=dataset, y=None)
        finally:
            net.network.eval()
            net.generator = None

    def _has_stopped_early(self):
        """Whether a skorch EarlyStopping, which raises KeyboardInterrupt, ended the training."""
        return any(
            isinstance(callback, EarlyStopping) and callback.misses_ == callback.patience
            for _, callback in self.net.callbacks_
        )

    def judge(self, sequences: Sequences) -> None:
        """Raise if the training made the network worse than guessing.

        The losses were measured before the last steps; what counts is what they left.
        """
        some = sequences.take(slice(None, None, max(1, len(sequences.targets) // _CHECKED)))
        inputs, targets = SequenceDataset(some)[torch.arange(len(some.inputs))]
        network, characters = self.net.network, targets["characters"]
        with torch.no_grad():
            logits = network(*(each.to(network.device) for each in inputs.values())).cpu()
        loss = F.cross_entropy(logits, characters, ignore_index=NONE, reduction="sum").item()
        loss /= max(1, int((characters != NONE).sum()))
        if not loss < log(self.plan.n_characters) + 1:
            found = f"a loss of {loss:.3g} nats per character, worse than guessing"
            raise divergence(found, self.net)


class _Schedule(Callback):
    """Set the learning rate before each step: `lr` times ``factor(step, n_steps)``."""

    def __init__(self, factor: Callable[[int, int], float]):
        self.factor = factor

    def on_train_begin(self, net, X=None, **kwargs):
        self.step_, self.n_steps_ = 0, net.max_epochs * len(net.get_iterator(X, training=True))

    def on_batch_begin(self, net, training=False, **kwargs):
        if training:
            self.step_ += 1
            for group in net.optimizer_.param_groups:
                factor = group.get("lr_factor", 1) * self.factor(self.step_, self.n_steps_)
                group["lr"] = net.lr * factor


class _Record(Callback):
    """Keep on record what was done, before any other callback looks at it."""

    def __init__(self, progress: Progress):
        self.progress = progress

    def on_epoch_end(self, net, **kwargs):
        before, epoch = self.progress, net.history[-1]
        scores = before.validation_scores_
        if "valid_loss" in epoch:
            scores = (*(scores or ()), -float(epoch["valid_loss"]))
        self.progress = replace(
            before,
            n_iter_=before.n_iter_ + 1,
            n_steps_=before.n_steps_ + epoch["train_batch_count"],
            loss_curve_=(*before.loss_curve_, float(epoch["train_loss"])),
            validation_scores_=scores,
        )


class EpochLine(Callback):
    """Print the losses of each epoch."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Print a line."""
        epoch = net.history[-1]
        line = f"Epoch {epoch['epoch']}/{net.max_epochs}: {epoch['train_loss']:.4f} nats/char"
        if "valid_loss" in epoch:
            line += f", held out {epoch['valid_loss']:.4f}"
        print(f"{line}, {epoch['dur']:.1f} s")


def _one_cycle(step, n_steps):
    """Rise from zero and fall back, both along a cosine."""
    progress = step / (n_steps + 1)
    height = min(progress / _WARM_UP, (1 - progress) / (1 - _WARM_UP))
    return (1 - cos(pi * height)) / 2


def _inverse_square_root(n_before, step, n_steps):
    """Rise over the first steps of all calls, then fall with the inverse square root."""
    step = n_before + step
    return min(step / _WARM_UP_STEPS, (_WARM_UP_STEPS / step) ** 0.5)


def _extra_params(plan, params):
    for name in plan.net_params:
        if not isinstance(name, str) or name in params.keys() - _FREE:
            raise ValueError(
                "net_params must hold parameters of skorch.NeuralNet that CharLSTMGenerator "
                f"does not set itself. Got {name!r}."
            )
    return plan.net_params


def _optimizer_params(plan):
    accepted = inspect.signature(plan.optimizer).parameters
    params, decays = {"optimizer": plan.optimizer}, "weight_decay" in accepted
    if decays:
        params["optimizer__weight_decay"] = plan.networks[-1].weight_decay
    if "betas" in accepted and len(accepted["betas"].default) == len(_BETAS):
        params["optimizer__betas"] = _BETAS
    if "fused" in accepted:
        params["optimizer__fused"] = True
    groups = []
    for number, network in enumerate(plan.networks):
        own = {"lr_factor": network.lr / plan.lr}
        own |= {"weight_decay": network.weight_decay} if decays else {}
        head = own | {"lr_factor": own["lr_factor"] * network.head_lr_factor}
        if plan.n_labels and plan.embedding_dim:
            factor = network.label_lr_factor
            labels = own | {"lr_factor": own["lr_factor"] * factor}
            labels |= {"weight_decay": network.weight_decay / factor} if decays else {}
            groups.append((f"*networks.{number}.labels.*", labels))
        groups += [(f"*networks.{number}.head.*", head), (f"*networks.{number}.*", own)]
    is_uniform = all(options == groups[-1][1] for _, options in groups)
    if not is_uniform and plan.optimizer is not torch.optim.LBFGS:  # it takes one group
        params["optimizer__param_groups"] = groups
    return params
