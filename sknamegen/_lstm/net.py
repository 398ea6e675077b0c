"""Everything that skorch is told of the parameters of `CharLSTMGenerator`."""

import inspect
import platform
from collections.abc import Callable
from copy import deepcopy
from functools import cache, partial
from math import cos, isfinite, log, pi
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import skorch
import torch
from skorch.callbacks import Callback, EarlyStopping, ProgressBar
from skorch.exceptions import SkorchTrainingImpossibleError
from skorch.helper import predefined_split
from skorch.utils import to_tensor
from torch import Tensor
from torch.nn import functional as F

from .._sequences import NONE, Sequences
from .._validation import damaged, is_auto
from .batches import LengthGroupedBatches, SequenceDataset
from .callbacks import EpochLine
from .network import SCORING_BATCH, CharLSTM, check_saved_network
from .params import Settings, init_share, optimizer_class, usable, usual_hidden_size
from .start import Start, start_from

_MAX_WEIGHTS = 10**9
# Share of the training in which the one-cycle schedule raises the learning rate, and steps over
# which it rises where the end of the training is not known.
_WARM_UP = 0.3
_WARM_UP_STEPS = 50
# How much faster the softmax layer learns where the network starts from another's weights.
_HEAD_LR_FACTOR = 3
# Of the optimizers that take two: they forget faster than by default, as the training is short.
_BETAS = 0.8, 0.99
_FREE = {"optimizer__betas", "optimizer__weight_decay"}  # also for net_params to set
_CHECKED = 256  # sequences, about, that tell whether the training diverged


def build_net(
    generator: Any,
    settings: Settings,
    train: SequenceDataset,
    valid: SequenceDataset,
    rng: np.random.Generator,
    origin: "Net | Start | None" = None,
    one_pass: bool = False,
) -> "Net":
    """Return a net that is ready to train as the parameters of a generator say.

    The parameters have passed `check_params`. `rng` decides initial weights, dropout masks and
    the order of batches. The net goes on from the weights of `origin`, if there is one; with
    `one_pass` it trains as if others had come before and were to come.
    """
    seed, shuffle_seed = rng.integers(2**63, size=2).tolist()
    n_sequences = train.n_with_targets
    part = _part(generator, n_sequences) if generator.accelerator else (0, 1)
    batches = LengthGroupedBatches(train, settings.batch_size, part=part)
    params = {
        "criterion": partial(CharacterLoss, batches.mean_targets, settings.ngram_weight),
        "lr": settings.lr,
        "max_epochs": 1 if one_pass else settings.max_epochs,
        "batch_size": settings.batch_size,
        "iterator_train": LengthGroupedBatches,
        "iterator_train__generator": torch.Generator().manual_seed(shuffle_seed),
        "iterator_train__part": part,
        "iterator_valid": LengthGroupedBatches,
        "iterator_valid__batch_size": SCORING_BATCH,
        "train_split": predefined_split(valid) if generator.early_stopping else None,
        "callbacks__print_log": None,  # its table does not name the unit
        "callbacks": _callbacks(generator, one_pass),
        "device": None if generator.accelerator else generator.device,
        "bfloat16": uses_bfloat16(generator),
        "verbose": int(generator.verbose),
    }
    share = init_share(n_sequences)
    config = _network_config(generator, settings, seed, origin, n_sequences)
    params |= _module_params(config) | _optimizer_params(generator, settings)
    kind = Net
    if generator.accelerator:
        kind = _accelerated(generator.accelerator)
        del params["callbacks__print_log"]  # which has its sink set
    net = kind(**params | _extra_params(generator, params)).initialize()
    if isinstance(origin, Start):
        labels = getattr(generator, "classes_", np.empty(0)).tolist()
        start_from(origin, net.network, generator.alphabet_, labels, share)
    elif origin:
        _continue_from(origin, net)
    return net


def _network_config(generator, settings, seed, origin, n_sequences):
    """Return the arguments of `CharLSTM`, whose sizes are those of `origin`, if there is one."""
    before = {}
    if origin:
        before = dict(origin.config if isinstance(origin, Start) else origin.network.config)
    hidden_size, num_networks = settings.hidden_size, settings.num_networks
    if is_auto(generator.num_networks) and before:
        num_networks = before["num_networks"]
    if is_auto(generator.hidden_size) and before:
        grows = isinstance(origin, Start) and init_share(n_sequences) < 1
        least = usual_hidden_size(n_sequences) if grows else 1
        hidden_size = before["hidden_size"] = max(least, before["hidden_size"])
    config = {
        "n_characters": len(generator.alphabet_),
        "hidden_size": int(hidden_size),
        "num_layers": int(generator.num_layers),
        "embedding_dim": generator.embedding_dim and int(generator.embedding_dim),
        "dropout": float(generator.dropout),
        "seed": seed,
        "n_labels": len(getattr(generator, "classes_", ())),
        "num_networks": int(num_networks),
    }
    n_vectors = config["n_characters"] + 2 + config["n_labels"]
    n_units, n_inputs = config["hidden_size"], config["embedding_dim"] or n_vectors
    n_weights = 4 * n_units * (n_inputs + n_units * (2 * config["num_layers"] - 1))
    n_weights += n_vectors * (config["embedding_dim"] or 0) + n_units * config["n_characters"]
    n_weights *= config["num_networks"]
    if n_weights > _MAX_WEIGHTS:
        raise ValueError(
            f"The network must have at most {_MAX_WEIGHTS:,} weights. Got {n_weights:,}; lower "
            "hidden_size, num_layers, embedding_dim or num_networks."
        )
    for name in ("hidden_size", "num_layers", "embedding_dim", "num_networks"):
        if before and config[name] != before[name]:
            raise ValueError(
                f"{name} must be {before[name]!r}, as in the network to go on from, that of init "
                f"or of the last fit. Got {config[name]!r}."
            )
    return config


def uses_bfloat16(generator: Any) -> bool:
    """Whether training computes in bfloat16; raise if it should but cannot."""
    if generator.precision == "float32":
        return False
    accelerator = generator.accelerator
    device = accelerator.device if accelerator else torch.device(generator.device)
    is_possible = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    # Intel's AVX-512 without AMX computes more slowly in it than in float32.
    is_fast = torch.cpu._is_avx512_bf16_supported() and _is_amd()
    is_fast = device.type == "cpu" and (torch.cpu._is_amx_tile_supported() or is_fast)
    if device.type == "cuda":
        is_fast = is_possible = torch.cuda.is_bf16_supported(including_emulation=False)
    if generator.precision == "bfloat16" and not is_possible:
        raise ValueError(
            f"precision must be 'auto' or 'float32' on this {device.type}, which cannot compute "
            "in bfloat16. Got 'bfloat16'."
        )
    return is_possible if generator.precision == "bfloat16" else is_fast


@cache
def _is_amd():
    cpuinfo = Path("/proc/cpuinfo")  # there is one on Linux
    told = cpuinfo.read_text() if cpuinfo.exists() else platform.processor()
    return "AuthenticAMD" in told


def loaded_net(network: Any, n_characters: int, n_labels: int, device: Any) -> "Net":
    """Return a net with saved weights that only predicts, on the processor if need be.

    `network` holds its "config", of so many characters and labels, and its "weights".
    """
    if not isinstance(network, dict) or network.keys() != {"config", "weights"}:
        raise damaged("The network", "its sizes and its weights")
    config, weights = network["config"], network["weights"]
    check_saved_network(config, weights)
    if (config["n_characters"], config["n_labels"]) != (n_characters, n_labels):
        raise damaged("The network", "one for the alphabet and the labels")
    net = _LoadedNet(
        criterion=CharacterLoss,
        device=device if usable(device) else "cpu",
        **_module_params(config),
    ).initialize()
    net.module_.load_state_dict(
        {name: torch.from_numpy(np.array(weight, np.float32)) for name, weight in weights.items()}
    )
    net.module_.eval()
    return net


class CharacterLoss:
    """Cross-entropy, summed over the characters of a batch and divided by `n_targets`, in nats.

    `n_targets` is the mean number of them in a batch, so that each character weighs the same,
    however many others its batch has. `ngram_weight` is the share of the distributions "proba",
    where targets have them. Where there are logits of several networks, their losses are added,
    so that each learns as if it were alone. No module, since accelerate would wrap one for
    several processes, which fails without parameters.
    """

    def __init__(self, n_targets: float = 1.0, ngram_weight: float = 0.0):
        self.n_targets = n_targets
        self.ngram_weight = ngram_weight

    def __call__(self, logits: Tensor, targets: dict[str, Tensor]) -> Tensor:
        # logits of shape (n_targets, n_characters), or of several networks (networks, ...)
        log_proba, characters = logits.log_softmax(-1), targets["characters"]
        known = characters != NONE
        positions = torch.arange(len(known), device=known.device)
        each = log_proba[..., positions, characters.clamp(min=0)]
        if "proba" in targets:
            softened = torch.linalg.vecdot(targets["proba"], log_proba)
            each = torch.lerp(each, softened, self.ngram_weight)
        return -each[..., known].sum() / self.n_targets


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
        with self._autocast():
            return super().infer(x, **fit_params).float()

    def train_step_single(self, batch, **fit_params):
        """Compute the gradients of the networks, side by side."""
        self._set_training(True)
        inputs, targets = (to_tensor(each, device=self.device) for each in batch)

        def learn(network):
            with self._autocast():
                logits = network(**inputs).float()
            loss = self.criterion_(logits, targets)
            loss.backward()
            return loss.detach(), logits.detach()

        n_characters, networks = inputs["inputs"].numel(), self.network.networks
        losses, logits = zip(*self.network.apart(learn, n_characters, networks), strict=True)
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
            logits = logits.mean(0) if training else logits
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
        try:
            self.notify("on_train_begin", X=dataset, y=None)
            try:
                self.fit_loop(dataset)
            except KeyboardInterrupt:
                if not self._has_stopped_early():
                    raise
            finally:
                self.notify("on_train_end", X=dataset, y=None)
        finally:
            self.network.eval()
            dict(self.callbacks_)["training"].generator = None

    def judge(self, sequences: Sequences) -> None:
        """Raise if the training made the network worse than guessing.

        The losses were measured before the last steps; what counts is what they left.
        """
        some = sequences.take(slice(None, None, max(1, len(sequences.targets) // _CHECKED)))
        n_targets = np.count_nonzero(some.has_target)
        loss = -self.network.sequence_log_proba(some).sum() / max(1, n_targets)
        if not loss < log(self.network.config["n_characters"]) + 1:
            raise divergence(f"a loss of {loss:.3g} nats per character, worse than guessing", self)

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
    """Return a class of nets that train with an accelerate.Accelerator, networks in turn."""
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
                factor = group.get("lr_factor", 1) * self.factor(self.step_, self.n_steps_)
                group["lr"] = net.lr * factor

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
        if not isinstance(name, str) or name in params.keys() - _FREE:
            raise ValueError(
                "net_params must hold parameters of skorch.NeuralNet that CharLSTMGenerator "
                f"does not set itself. Got {name!r}."
            )
    return extra


def _module_params(config):
    return {"module": CharLSTM} | {f"module__{name}": value for name, value in config.items()}


def _optimizer_params(generator, settings):
    optimizer = optimizer_class(generator.optimizer)
    accepted = inspect.signature(optimizer).parameters
    params = {"optimizer": optimizer}
    if "weight_decay" in accepted:
        params["optimizer__weight_decay"] = settings.weight_decay
    if "betas" in accepted and len(accepted["betas"].default) == len(_BETAS):
        params["optimizer__betas"] = _BETAS
    if "fused" in accepted:
        params["optimizer__fused"] = True
    if generator._from_init and optimizer is not torch.optim.LBFGS:  # which takes one group
        params["optimizer__param_groups"] = [("*.head.*", {"lr_factor": _HEAD_LR_FACTOR})]
    return params


def _continue_from(old, new):
    """Copy weights and optimizer from one net to another."""
    new.network.load_state_dict(old.network.state_dict())
    before: Any = getattr(old, "optimizer_", None)  # a loaded net has none
    after: Any = new.optimizer_
    if type(before) is type(after):
        groups = after.state_dict()["param_groups"]
        after.load_state_dict(deepcopy(before.state_dict()) | {"param_groups": groups})
