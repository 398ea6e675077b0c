"""skorch's net and callbacks as the LSTM generator trains with them."""

from contextlib import contextmanager
from math import cos, isfinite, pi

import skorch
import torch
from skorch.callbacks import Callback, EarlyStopping
from skorch.exceptions import SkorchTrainingImpossibleError
from torch.nn import functional as F

from ._batches import NO_TARGET
from ._validation import check_int

# Part of the training in which the one-cycle schedule raises the learning rate.
_WARM_UP = 0.3
# Steps over which it rises where the end of the training is not known.
_WARM_UP_STEPS = 50


class CharacterLoss:
    """Cross-entropy, the mean over characters, in nats.

    No module, since accelerate would wrap one for several processes, which fails without
    parameters.

    Parameters
    ----------
    ngram_weight : float
        Weight of the distributions "proba", where targets have them, beside the
        characters themselves.
    """

    def __init__(self, ngram_weight=0.0):
        self.ngram_weight = ngram_weight

    def __call__(self, logits, targets):
        log_proba, characters = logits.log_softmax(1), targets["characters"]
        loss = F.nll_loss(log_proba, characters, ignore_index=NO_TARGET)
        if "proba" not in targets:
            return loss
        each = torch.linalg.vecdot(targets["proba"], log_proba)
        softened = -each[characters != NO_TARGET].mean()
        return torch.lerp(loss, softened, self.ngram_weight)


class Net(skorch.NeuralNet):
    """skorch's net with losses averaged over characters, which must stay finite.

    Parameters
    ----------
    bfloat16 : bool
        Whether training computes in bfloat16 where torch's autocast finds it safe.
    """

    def __init__(self, *args, bfloat16=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.bfloat16 = bfloat16

    @property
    def network(self):
        """The module itself, even while it trains in several processes."""
        return getattr(self.module_, "module", self.module_)

    def infer(self, x, **fit_params):
        kind = next(self.module_.parameters()).device.type
        enabled = self.bfloat16 and self.module_.training
        # No cache: an interruption could leave old weights in it.
        with torch.autocast(kind, torch.bfloat16, enabled=enabled, cache_enabled=False):
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
            loss = F.cross_entropy(logits, characters).item()
            if not isfinite(loss):
                raise divergence(f"a loss of {loss}", self)
            # skorch weights the batches of an epoch by this "size".
            self.history.record_batch(f"{prefix}_loss", loss)
            self.history.record_batch(f"{prefix}_batch_size", int((characters != NO_TARGET).sum()))
            self.notify("on_batch_end", batch=batch, training=training, **step)
            n_batches += 1
        self.history.record(f"{prefix}_batch_count", n_batches)


@contextmanager
def modes_restored():
    """Set torch's modes back, which Ctrl-C may leave on between two lines of torch's own code."""
    gradients = torch.is_grad_enabled()
    autocast = {kind: torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")}
    try:
        yield
    finally:
        torch.set_grad_enabled(gradients)
        for kind, enabled in autocast.items():
            torch.set_autocast_enabled(kind, enabled)


class LoadedNet(Net):
    """A net that only predicts: it has no optimizer, which takes most of a second to create."""

    def initialize_optimizer(self, *args, **kwargs):
        return self

    def fit_loop(self, *args, **kwargs):
        raise SkorchTrainingImpossibleError(
            "A loaded net only predicts. To train on, fit the generator with warm_start=True."
        )


def accelerated(accelerator):
    """Return a class of nets that train with an accelerate.Accelerator."""
    from skorch.hf import AccelerateMixin

    class AcceleratedNet(AccelerateMixin, Net):
        def __init__(self, *args, **kwargs):
            silent = {"callbacks__print_log__sink": lambda *args: None}
            super().__init__(*args, accelerator=accelerator, **silent, **kwargs)

    return AcceleratedNet


class _Schedule(Callback):
    """Sets the learning rate before each training step; a subclass gives its `factor`."""

    def on_train_begin(self, net, X=None, **kwargs):
        self.step_, self.n_steps_ = 0, net.max_epochs * len(net.get_iterator(X, training=True))

    def on_batch_begin(self, net, training=False, **kwargs):
        if not training:
            return
        self.step_ += 1
        for group in net.optimizer_.param_groups:
            group["lr"] = net.lr * self.factor()


class OneCycle(_Schedule):
    """Raise the learning rate from zero and lower it back."""

    def factor(self):
        progress = self.step_ / (self.n_steps_ + 1)
        height = min(progress / _WARM_UP, (1 - progress) / (1 - _WARM_UP))
        return (1 - cos(pi * height)) / 2


class InverseSquareRoot(_Schedule):
    """Raise the learning rate from zero and lower it for ever, with the inverse square root.

    Parameters
    ----------
    n_before : int
        Steps taken before these.
    """

    def __init__(self, n_before):
        self.n_before = n_before

    def factor(self):
        step = self.n_before + self.step_
        return min(step / _WARM_UP_STEPS, (_WARM_UP_STEPS / step) ** 0.5)


class Record(Callback):
    """Keep on record in a generator what it was trained on, so that it may be saved meanwhile.

    Parameters
    ----------
    generator : CharLSTMGenerator
    """

    def __init__(self, generator):
        self.generator = generator

    def on_epoch_end(self, net, **kwargs):
        generator, epoch = self.generator, net.history[-1]
        generator.n_iter_ += 1
        generator.n_steps_ += epoch["train_batch_count"]
        generator.loss_curve_ = [*generator.loss_curve_, float(epoch["train_loss"])]
        if "valid_loss" in epoch:
            scores = generator.validation_scores_ or []
            generator.validation_scores_ = [*scores, -float(epoch["valid_loss"])]


class SamplePreview(Callback):
    """Print names during the training of a `CharLSTMGenerator`, in its `callbacks`.

    Parameters
    ----------
    temperatures : iterable of float, default=(0.2, 0.5, 1.0, 1.2)
        At which the names are written, a line for each.
    every : int, default=2
        Epochs from one preview to the next.
    n_samples : int, default=8
        Names in a line.
    seed : str, default=""
        What the names begin with.
    random_state : int, RandomState, Generator or None, default=0
        As in `CharLSTMGenerator.sample`. An int writes from the same random numbers each
        time.

    Examples
    --------
    >>> from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, SamplePreview, load_names
    >>> windows = CharSequenceVectorizer().fit_transform(load_names("female"))
    >>> generator = CharLSTMGenerator(
    ...     hidden_size=32, max_epochs=2, callbacks=[SamplePreview([0.5])], random_state=0
    ... ).fit(windows)  # doctest: +ELLIPSIS
    After epoch 2:
      temperature 0.5: ...
    """

    def __init__(
        self, temperatures=(0.2, 0.5, 1.0, 1.2), every=2, n_samples=8, seed="", random_state=0
    ):
        self.temperatures = temperatures
        self.every = every
        self.n_samples = n_samples
        self.seed = seed
        self.random_state = random_state

    def on_train_begin(self, net, **kwargs):
        check_int("every", self.every, 1)

    def on_epoch_end(self, net, **kwargs):
        generator = dict(net.callbacks_)["record"].generator
        if generator.n_iter_ % self.every:
            return
        net.network.eval()
        print(f"After epoch {generator.n_iter_}:")
        for temperature in self.temperatures:
            names = generator.sample(
                self.seed, temperature, self.n_samples, random_state=self.random_state
            )
            print(f"  temperature {temperature}: {'  '.join(names)}")


class EpochLine(Callback):
    """Print the losses of each epoch."""

    def on_epoch_end(self, net, **kwargs):
        epoch = net.history[-1]
        line = f"Epoch {epoch['epoch']}/{net.max_epochs}: {epoch['train_loss']:.4f} nats/char"
        if "valid_loss" in epoch:
            line += f", held out {epoch['valid_loss']:.4f}"
        print(f"{line}, {epoch['dur']:.1f} s")


def stopped_early(net):
    """Whether a skorch EarlyStopping, which raises KeyboardInterrupt, has ended the training."""
    return any(
        isinstance(callback, EarlyStopping) and callback.misses_ == callback.patience
        for _, callback in net.callbacks_
    )


def divergence(found, net):
    """Return the error that says what was found and what to do."""
    return ValueError(
        f"Training diverged: {found} in epoch {len(net.history)} with lr={net.lr}. "
        "Lower lr or weight_decay."
    )
