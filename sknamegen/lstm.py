"""The generator that learns with an LSTM."""

import inspect
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from ._base import BaseCharGenerator
from ._learning import Knowledge, learn
from ._models.kneser_ney import Counts, count
from ._models.lstm import LSTM
from ._models.model import NextCharModel, average, network_shares, networks_of
from ._models.shapes import Shaped, Shapes
from ._sequences import Sequences
from ._validation import damaged, is_auto, random_generator

if TYPE_CHECKING:
    import skorch
    import torch

_TEACHER_ORDER = 6
_MAX_COUNTED = 10_000_000  # characters, after which partial_fit counts no more


class CharLSTMGenerator(BaseCharGenerator):
    """Write new names with an LSTM that predicts the next character.

    It learns from the windows of `CharSequenceVectorizer`, and suits itself to any number of names:
    twenty are learned in a tenth of a second, starting from a model that knows what names are;
    five thousand in some ten seconds, from nothing.

    >>> from sknamegen import CharLSTMGenerator, CharSequenceVectorizer
    >>> few = ["Makris", "Pappas", "Kouros", "Samaras", "Vlahos", "Spanos", "Kanaris", "Zervas"]
    >>> windows = CharSequenceVectorizer().fit_transform(few)
    >>> generator = CharLSTMGenerator(random_state=0).fit(windows)
    >>> generator.sample("Ka", 0.7, n_samples=3, random_state=0)  # doctest: +ELLIPSIS
    ['Ka...', 'Ka...', 'Ka...']

    Parameters
    ----------
    init : {"auto", "base"}, None or fitted generator, default="auto"
        What to start from. "base": a model that comes with the package and knows names of people,
        towns and brands, and English words. None: random weights. "auto": below 1,000 names, or
        up to 1,500 where the base is near to them, half of the networks start from it and half
        from random weights, and how near it is decides what each half counts: where it is very
        near, it counts alone. Beyond, and for running text or where other sizes are given than
        those of the base, random weights. `init_share_` tells what came of it.
        Or a fitted `CharLSTMGenerator` of one's own, also as
        the last step of a pipeline; where it will be cloned, as in pipelines and searches, in
        `sklearn.frozen.FrozenEstimator`. Only weights are taken from it; `num_layers` and
        `embedding_dim`, and `hidden_size` if given, must be its. Saved with the rest.
    num_networks : int or "auto", default="auto"
        LSTMs that learn from different random weights, in a thread each if torch may use several
        (with `accelerator` in turn); their logits are averaged. "auto": see the notes, as for all
        that are "auto".
    hidden_size : int or "auto", default="auto"
        Units of each LSTM layer. Where `init` is "auto", a number other than 256, which is the
        base's, means to learn from random weights, also where names are few.
    num_layers : int, default=1
        LSTM layers.
    embedding_dim : int or None, default=64
        Dimension of the learned vector of each character; None: one-hot.
    dropout : float, default=0.2
        Probability in [0, 1) of dropping an output of a layer in training.
    ngram_weight : float or "auto", default="auto"
        Share in [0, 1] of the n-gram model's distribution in the training targets
        (knowledge distillation [2]_). It reduces memorisation. 0: only the character that
        follows.
    optimizer : str or type, default="AdamW"
        A class of `torch.optim`, or its name.
    lr : float or "auto", default="auto"
        Learning rate; the highest one of the schedule.
    lr_schedule : {"one_cycle", "constant"}, default="one_cycle"
        "one_cycle" raises the learning rate from zero to `lr` over the first
        30% of the steps and lowers it to zero over the others, both along a
        cosine [1]_.
    weight_decay : float or "auto", default="auto"
        Passed to the optimizer.
    batch_size : int or "auto", default="auto"
        Sequences in a batch. A sequence is a name as far as its first `window_length`
        positions, or the last quarter of a later window of it, if `window_length` is 8 or
        more, else a later window; of running text, a window.
    max_epochs : int or "auto", default="auto"
        Passes over the names; the most of them with `early_stopping`.
    early_stopping : bool, default=False
        Whether to set `validation_fraction` of the names aside, to stop when
        their loss has not improved for `n_iter_no_change` epochs, and to keep
        the weights of the best epoch.
    validation_fraction : float, default=0.1
        Share of the names to set aside, in (0, 1). Only with `early_stopping`.
    n_iter_no_change : int, default=3
        Epochs without improvement to wait. Only with `early_stopping`.
    callbacks : list of skorch callbacks, default=None
        Added to the training. They get a generator that is fitted as far as the training has
        come from ``net.generator()``; this one stays as it was until the end of `fit`.
    net_params : dict, default=None
        Further parameters of `skorch.NeuralNet`, beside those set here, for
        example ``{"optimizer__betas": (0.9, 0.999)}``; here they are (0.8, 0.99).
    device : str, default="cpu"
        Where training computes. Names are written and scored on the processor, wherever the
        weights were learned.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What training computes with. "auto" takes bfloat16 (torch's autocast) if the processor is
        faster with it (AMX, or AVX-512 of AMD), and float32 otherwise.
        Weights, scores and sampling are always float32.
    accelerator : accelerate.Accelerator, default=None
        Splits each batch over the processes that `accelerate launch` has started, which all
        call `fit` with the same names and the same `random_state`, an int, and end with equal
        weights. It then decides the device. Not saved.
    warm_start : bool, default=False
        Whether `fit` continues from the weights of the last `fit`, and, unless
        the estimator was saved and loaded since, from the state of its
        optimizer, for `max_epochs` more epochs with a schedule of their own. The
        alphabet stays as it was; other characters are unknown.
    verbose : int, default=0
        1 shows a progress bar on standard error and prints a line an epoch with
        the loss in nats per character.
    random_state : int, RandomState, Generator or None, default=None
        Decides initial weights, order of the names, dropout masks and split of
        `early_stopping`. An int gives the same model each time. No global
        random generator is used or changed.

    Attributes
    ----------
    alphabet_ : ndarray of shape (n_characters,), dtype str
        Every character the model can produce, U+0003 for the end of a name among them unless
        running text was learned.
    window_length_ : int
        Characters of context a prediction depends on.
    max_length_ : int or None
        Characters of the longest training name; None for running text.
    name_hashes_ : ndarray of shape (n_distinct_names,), dtype uint64, or None
        Hashes of the training names, for ``novel=True``; None for running
        text, or after `forget_names`.
    n_characters_seen_ : int
        Predicted characters in the training data.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted. Only after learning with labels.
    class_count_ : ndarray of shape (n_classes,), dtype float64
        How many names had each label. Only after learning with labels.
    init_share_ : float
        Share in the average of those networks that began with what `init` says: 1 for all of them,
        0 from random weights; in between, the first half of them.
    n_iter_ : int
        Epochs trained.
    n_steps_ : int
        Batches trained on.
    loss_curve_ : list of float
        Training loss of each epoch in nats per character, measured while
        training (with dropout, weights changing), whatever `ngram_weight` is.
    validation_scores_ : list of float or None
        `score` of the names set aside after each epoch, by the networks alone; None without
        `early_stopping`.
    net_ : skorch.NeuralNet
        The trained net, for its `history`, `module_` and callbacks. Only in the process that
        trained it: it is not saved, and made anew when a loaded generator trains on.

    See Also
    --------
    CharSequenceVectorizer : Makes the windows.

    Notes
    -----
    The network maximises the log-likelihood of each character given the
    `window_length` characters before it, as in [3]_: an LSTM starts from a zero
    state at the first character of the window, and a softmax layer follows. The
    windows that begin with the start of a name are prefixes of each other, so one
    pass gives the predictions for all of them. Behind them a pass learns the last
    quarter of a window, each character from at least three quarters of a window; of
    windows below 8, and of running text, the last character alone. The loss is averaged
    over characters, not over batches. The n-gram model is that of `CharNGramGenerator`
    with ``order=6``, fitted to the training names.

    What is "auto" follows from the number n of sequences, for each network by what it starts from:

    ================  ====================================  ====================================
    parameter         from random weights                   from `init`
    ================  ====================================  ====================================
    `num_networks`    2                                     as many as it has: 1 for the base
    `hidden_size`     128; 240 from n = 200 on; 352 from    that of its networks, 256 for the
                      16,384 on. The first call of          base; as from random weights where
                      `partial_fit` decides                 that is more and n above 1,000
    `ngram_weight`    0.5                                   0 up to n = 50, then more, up to 0.6
    `lr`              0.02; less for smaller batches        0.002, for small n, to 0.015
    `weight_decay`    0.1 for AdamW, else 0.01              takes 8% (n up to 50) to 25% of the
                                                            weights, as AdamW understands it
    `batch_size`      the power of two below the square     from 8, for small n, up to that
                      root of n, within 64 and 512; 32
                      for n below 200
    `max_epochs`      1250 / sqrt(n), within 3 and 10       1500 / sqrt(n), within 3 and 12; 10
                                                            for n below 64
    ================  ====================================  ====================================

    Where there are networks of both kinds, `num_networks` is 2, and size, batches and epochs are
    those from `init`.

    Whatever `init` is, everything but the weights is learned from the names alone. Where it has a
    share, its softmax layer learns three times as fast, and `alphabet_` also
    has characters that it knows and that are of a kind with some of the names, of the same
    script and general category, but for Latin letters beyond ASCII, which belong to some languages
    only. Where `init` knows less than half of the
    characters, it is of no use and is left aside.

    References
    ----------
    .. [1] L. N. Smith and N. Topin, "Super-Convergence: Very Fast Training of
       Neural Networks Using Large Learning Rates", 2018.
    .. [2] G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural
       Network", 2015.
    .. [3] A. Graves, "Generating Sequences With Recurrent Neural Networks", 2013.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names
    >>> names = load_names("female")[::20]
    >>> pipe = make_pipeline(
    ...     CharSequenceVectorizer(window_length=5),
    ...     CharLSTMGenerator(hidden_size=16, max_epochs=2, random_state=0),
    ... ).fit(names)
    >>> pipe[-1].sample("Mar", n_samples=2, random_state=0)[0].startswith("Mar")
    True
    >>> bool(pipe.score(["Maria"]) > pipe.score(["Xqzw"]))
    True

    A few names, and so most is left to a network that starts from the base model:

    >>> few = ["Makris", "Pappas", "Kouros", "Samaras", "Vlahos", "Spanos", "Kanaris", "Zervas"]
    >>> windows = CharSequenceVectorizer().fit_transform(few)
    >>> generator = CharLSTMGenerator(random_state=0).fit(windows)
    >>> bool(generator.init_share_ > 0.8)
    True
    >>> len(generator.sample(n_samples=5, unique=True, novel=True, random_state=0))
    5
    """

    net_: "skorch.NeuralNet"
    _teacher: Counts | None
    n_iter_: int
    n_steps_: int
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    init_share_: float

    def __init__(
        self,
        *,
        init: Any = "auto",
        num_networks: int | Literal["auto"] = "auto",
        hidden_size: int | Literal["auto"] = "auto",
        num_layers: int = 1,
        embedding_dim: int | None = 64,
        dropout: float = 0.2,
        ngram_weight: float | Literal["auto"] = "auto",
        optimizer: "str | type[torch.optim.Optimizer]" = "AdamW",
        lr: float | Literal["auto"] = "auto",
        lr_schedule: Literal["one_cycle", "constant"] = "one_cycle",
        weight_decay: float | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        max_epochs: int | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 3,
        callbacks: list[Any] | None = None,
        net_params: dict[str, Any] | None = None,
        device: "str | torch.device" = "cpu",
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        accelerator: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: Any = None,
    ):
        self.init = init
        self.num_networks = num_networks
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.ngram_weight = ngram_weight
        self.optimizer = optimizer
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.net_params = net_params
        self.device = device
        self.precision = precision
        self.accelerator = accelerator
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learn to predict the next character.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names, from `CharSequenceVectorizer`.
        y : array-like of shape (n_names,), default=None
            A label for each name, such as a language. With labels, the generator has
            `classes_`, `predict` and `predict_proba`; see Notes.
        sample_weight : array-like of shape (n_names,), default=None
            How often each name counts, such as its frequency (not a part of one). An epoch
            takes as many names as there are, each in proportion to its weight. None: once.
            Those set aside by `early_stopping` count alike.

        Returns
        -------
        self : CharLSTMGenerator

        Raises
        ------
        TypeError, ValueError
            If a parameter is out of range, X holds no such windows, or there is not one label
            or weight for each name.
        ValueError
            If the loss is not finite, or the training ends worse than guessing: the learning
            rate is too high. The estimator is then as it was before the call.

        Notes
        -----
        A KeyboardInterrupt leaves the estimator fitted as far as it came, and is raised on.

        scikit-learn takes a generator for a classifier once it has learned labels. So searches
        with labels need ``cv=StratifiedKFold()`` to have all of them in each fold, and
        `VotingClassifier` needs a class ``NameClassifier(ClassifierMixin, CharLSTMGenerator)``.
        `score` stays nats per character; ``scoring="accuracy"`` is how often `predict` is right.
        """
        return self._learn(X, y, sample_weight, continues=self.warm_start)

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        alphabet: Iterable[str] | None = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Learn from more names, in one pass over them.

        Weights and optimizer go on from the last call, or the last `fit`. The learning
        rate does too, unless it is constant: as nobody knows how many calls will come, it
        rises to `lr` over 50 steps, and falls with the inverse square root of the steps
        from then on.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`; labels in all calls or in none.
        alphabet : iterable of str, default=None
            In the first call: characters to expect later, beside those in X. All
            others are unknown to the model.
        classes : array-like of shape (n_classes,), default=None
            In the first call: all labels that will come; None: those in y. scikit-learn's
            ``learning_curve(…, exploit_incremental_learning=True)`` tells them to classifiers
            only, such as the ``NameClassifier`` in the notes of `fit`.

        Returns
        -------
        self : CharLSTMGenerator

        Raises
        ------
        TypeError, ValueError
            As in `fit`, if `alphabet` or `classes` are new in a later call, or with
            `early_stopping`.
        """
        if self.early_stopping:
            raise ValueError(
                "partial_fit needs early_stopping=False: one pass over the names is all it does."
            )
        return self._learn(X, y, sample_weight, alphabet, classes, continues=True, one_pass=True)

    def _learn(self, X: Any, *data: Any, continues: bool, one_pass: bool = False) -> Self:
        """Learn from names; go on from the last fit, if there was one and this `continues` it."""
        from ._training.auto import base_share
        from ._training.batches import join_windows
        from ._training.net import Progress, Training
        from ._training.plan import check_params, make_plan
        from ._training.threads import own_torch
        from ._training.transfer import Origin, find_origin, origin_of

        params = {name: getattr(self, name) for name in _PARAMS}
        with own_torch():
            check_params(params)
            continues = continues and hasattr(self, "alphabet_")
            progress = Progress(validation_scores_=() if self.early_stopping else None)
            if continues:
                origin: Origin | None = origin_of(self)
                init_share = self.init_share_
                known, sequences = self._known.learn_more(X, *data)
                progress = Progress.of(self)
            else:
                origin, init_share = find_origin(self.init), 0.0
                known, sequences = learn(X, *data)
                if origin and origin.knows(known.alphabet_):
                    init_share = 1.0
                    if is_auto(self.init):
                        init_share = base_share(params, known, sequences, origin)
                if not init_share:
                    origin = None
                if origin and len(kin := origin.kin_of(known.alphabet_)):
                    known, sequences = learn(X, *data, others=kin)  # type: ignore[misc]
            rng = random_generator(self.random_state)
            whole, valid = self._split(sequences, rng)
            train = whole if known.max_length_ is None else join_windows(whole)
            plan = make_plan(
                params,
                n_characters=len(known.alphabet),
                n_labels=len(known.labels),
                n_sequences=int(train.has_target.any(axis=1).sum()),
                rng=rng,
                origin=origin,
                init_share=init_share,
                continues=continues,
                n_steps_before=progress.n_steps_ if one_pass else None,
            )
            teacher = None
            if any(network.ngram_weight for network in plan.networks):
                counted = getattr(self, "_teacher", None) if continues and one_pass else None
                teacher = _count(known, whole, counted)
            training = Training(plan, train, valid, teacher, progress)
            if origin:
                before = getattr(self, "net_", None) if continues else None
                training.start_from(origin, known, before)

            def fitted(generator: CharLSTMGenerator) -> CharLSTMGenerator:
                model = training.net.network.model()
                model = Shaped(model, Shapes(known.shapes, known.alphabet.kinds, len(known.labels)))
                progress = training.progress.attributes()
                learned = {"net_": training.net, "init_share_": init_share, "_teacher": teacher}
                generator._assign(known, model, **progress, **learned)
                return generator

            try:
                training.run(lambda: fitted(self._unfitted()))
            except KeyboardInterrupt:
                with suppress(ValueError):  # of weights that are not finite
                    fitted(self)
                raise
            training.judge(sequences)
            return fitted(self)  # type: ignore[return-value]

    def _split(self, sequences: Sequences, rng: np.random.Generator) -> tuple[Sequences, Sequences]:
        """Return the sequences to train on, and those of the names set aside."""
        n_names = sequences.name_index.max() + 1
        is_set_aside = np.zeros(n_names, dtype=bool)
        if self.early_stopping:
            n_valid = max(1, round(self.validation_fraction * n_names))
            if n_valid >= n_names:
                raise ValueError(
                    "early_stopping needs at least one name to train on beside those set aside. "
                    f"Got {n_names} names and validation_fraction={self.validation_fraction}; use "
                    "early_stopping=False, or cut a running text into several."
                )
            is_set_aside[rng.permutation(n_names)[:n_valid]] = True
        is_set_aside = is_set_aside[sequences.name_index]
        train = sequences.take(~is_set_aside)
        if not train.has_target.any():
            raise ValueError("X must hold at least one character to learn that is known. Got none.")
        return train, sequences.take(is_set_aside)._replace(weights=None)

    def _unfitted(self) -> Self:
        """Return a generator with the same parameters, the very objects, to be assigned to."""
        other = type(self).__new__(type(self))
        other.__dict__.update(vars(self))
        return other

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for name in ("_teacher", "net_"):
            state.pop(name, None)
        state["accelerator"] = None  # it belongs to the processes that run
        if hasattr(self, "alphabet_"):
            networks = networks_of(self._model)
            state["_networks"] = {str(i): each.weights for i, each in enumerate(networks)}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        networks = state.pop("_networks", None)
        super().__setstate__(state)
        if ("alphabet_" in state) != (networks is not None):
            raise damaged("The network", "there with what else was learned")
        if networks is not None:
            known = Knowledge.of_state(state)
            learned = {name: state.get(name) for name in _LEARNED}
            self._assign(known, _loaded(networks, known, learned["init_share_"]), **learned)


# Whatever of them a subclass takes.
_PARAMS = tuple(inspect.signature(CharLSTMGenerator).parameters)
# What is saved of a training beside its networks.
_LEARNED = "n_iter_", "n_steps_", "loss_curve_", "validation_scores_", "init_share_"


def _loaded(networks: Any, known: Knowledge, init_share: Any) -> NextCharModel:
    """Return the mean of saved networks."""
    if not (isinstance(init_share, float) and 0 <= init_share <= 1):
        raise damaged("init_share_", "a number in [0, 1]")
    if not isinstance(networks, dict) or not networks:
        raise damaged("The network", "one at least")
    models = [LSTM(weights) for weights in networks.values()]
    expected = len(known.alphabet), len(known.labels)
    if any((each.n_characters, each.n_labels) != expected for each in models):
        raise damaged("The network", "one for the alphabet and the labels")
    mean = average(models, network_shares(len(models), init_share))
    return Shaped(mean, Shapes(known.shapes, known.alphabet.kinds, len(known.labels)))


def _count(known: Knowledge, sequences: Sequences, before: Counts | None) -> Counts:
    """Return the n-gram model of these names and those before."""
    if before and before.total >= _MAX_COUNTED:
        return before
    order = min(_TEACHER_ORDER, known.window_length_ + 1)
    return count(sequences, order, known.alphabet.kinds, len(known.labels), before=before)
