"""The generator that learns with an LSTM."""

import inspect
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from ._corpus import Corpus, learn
from ._generator import BaseCharGenerator
from ._models.lstm import LSTM
from ._models.mixture import Component, Mixture
from ._models.ngrams import NGrams
from ._parallel import in_threads
from ._sequences import Sequences
from ._validation import corrupt_file_error, random_generator

if TYPE_CHECKING:
    import skorch
    import torch

_TEACHER_ORDER = 6
_MAX_COUNTED = 10_000_000  # characters, after which partial_fit counts no more


class CharLSTMGenerator(BaseCharGenerator):
    """Write new names with an LSTM that predicts the next character.

    It learns from the windows of `CharSequenceVectorizer` and adapts to any number of names: twenty
    take a fraction of a second, starting from a network that knows names, and five thousand some
    ten seconds.

    >>> from sknamegen import CharLSTMGenerator, CharSequenceVectorizer
    >>> few = ["Makris", "Pappas", "Kouros", "Samaras", "Vlahos", "Spanos", "Kanaris", "Zervas"]
    >>> windows = CharSequenceVectorizer().fit_transform(few)
    >>> generator = CharLSTMGenerator(random_state=0).fit(windows)
    >>> generator.sample("Ka", 0.7, n_samples=3, random_state=0)  # doctest: +ELLIPSIS
    ['Ka...', 'Ka...', 'Ka...']

    Parameters
    ----------
    init : {"auto", "base"}, None or fitted generator, default="auto"
        What the networks start from. "base": a network that comes with the package and knows names
        of people, towns and brands, and English words. None: random weights. "auto": the first
        network starts from the base, the others from random weights; see the notes. A fitted
        `CharLSTMGenerator` of your own, also as the last step of a pipeline: only its weights are
        used, and it is saved with this generator. Where it will be cloned, as in pipelines and
        searches, wrap it in `sklearn.frozen.FrozenEstimator`.
        With "base" and a generator of your own, the sizes are those of its networks.
    num_networks : int or "auto", default="auto"
        LSTMs, each trained by itself, as many at a time as torch may use threads (with
        `accelerator` in turn); their logits are averaged. "auto": 2, or as many as `init` has.
    hidden_size : int or "auto", default="auto"
        Units of each LSTM layer. Where `init` is "auto", this and the next two parameters describe
        the networks that start from random weights.
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
        Names in a batch, with all their windows; of running text, windows.
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
        Added to the training of each network, as copies: read results from the callbacks of
        `nets_`, and let files of `skorch.callbacks.Checkpoint` go to one network
        (``num_networks=1``). ``net.generator()`` returns a generator of the network that calls it,
        fitted as far as its training has come; this one stays as it was until the end of `fit`.
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
        Weight in the average of the networks that started from what `init` says: 1 for all of them,
        0 for random weights; in between, of the first one.
    n_iter_ : int
        Epochs trained, the most of any network.
    n_steps_ : int
        Batches trained on, the most of any network.
    loss_curve_ : list of float
        Training loss of each epoch in nats per character, measured while
        training (with dropout, weights changing), whatever `ngram_weight` is: the mean over the
        networks that were still training.
    validation_scores_ : list of float or None
        `score` of the names set aside after each epoch, by the networks alone: the mean over those
        that were still training; None without `early_stopping`.
    nets_ : list of skorch.NeuralNet
        The trained net of each network, for its `history`, `module_` and callbacks, which are
        copies of those given. Only in the process that trained them: they are not saved, and made
        anew when a loaded generator trains on.
    net_ : skorch.NeuralNet
        The only one of them, with ``num_networks=1``.

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

    With ``init="auto"``, the weight of the network from the base is 1 / (1 + (n / 5000)^0.6) for n
    names. The base is left aside for running text, where it knows less than half of the characters,
    and where it predicts the names, untrained, no better than guessing. With ``num_networks=1`` the
    network is of the kind with the greater weight, or from random weights if its size is given.

    "auto" depends on the number n of names (of running text, windows):

    ================  ====================================  ====================================
    parameter         from random weights                   from `init`
    ================  ====================================  ====================================
    `hidden_size`     128; 240 from n = 200 on; 352 from    that of its networks, 256 for the
                      16,384 on                             base
    `ngram_weight`    0.5                                   the same; 0 to 0.5 below n = 1,000
    `lr`              0.02                                  0.01; 0.002 to 0.004 below n = 1,000
    `weight_decay`    0.1 for AdamW, else 0.01              the same; below n = 1,000 what takes 16%
                                                            of the weights
    ================  ====================================  ====================================

    `batch_size` is the power of two about the square root of n, within 8 and 512, and `max_epochs`
    1250 / sqrt(n), within 3 and 10. Below n = 1,000 the softmax layer of `init` learns three times
    as fast. Vectors of labels that `init` does not know always learn faster.

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

    With a few names, the network from the base has most of the weight:

    >>> few = ["Makris", "Pappas", "Kouros", "Samaras", "Vlahos", "Spanos", "Kanaris", "Zervas"]
    >>> windows = CharSequenceVectorizer().fit_transform(few)
    >>> generator = CharLSTMGenerator(random_state=0).fit(windows)
    >>> bool(generator.init_share_ > 0.8)
    True
    >>> len(generator.sample(n_samples=5, unique=True, novel=True, random_state=0))
    5
    """

    nets_: "list[skorch.NeuralNet]"
    _teacher: NGrams | None
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
        try:
            from ._training.batches import join_windows
            from ._training.fit import Ensemble
            from ._training.plan import check_params, make_plans
            from ._training.pretrained import Pretrained, choose_pretrained, pretrained_of
        except ModuleNotFoundError as error:
            raise ImportError(
                f"Fitting a CharLSTMGenerator needs {error.name}: pip install torch skorch. "
                "Loading, sampling and scoring do not."
            ) from error
        params = {name: getattr(self, name) for name in _PARAMS}
        in_threads(check_params, [(params,)])
        nets: list[Any] = []
        before = shares = None
        if continues and hasattr(self, "alphabet_"):
            pretrained: Pretrained | None = pretrained_of(self)
            before, nets = self._copy(), getattr(self, "nets_", [])
            shares = [part.weight for part in self._fitted.model.components]  # type: ignore
            corpus, sequences = self._fitted.corpus.learn_more(X, *data)
        else:
            corpus, sequences = learn(X, *data)
            pretrained = choose_pretrained(params, corpus, sequences)
        rng, is_text = random_generator(self.random_state), corpus.max_length_ is None
        whole, valid = self._split(sequences, rng)
        train = whole if is_text else join_windows(whole)
        has_target = train.has_target.any(axis=1)
        n_names = int(has_target.sum()) if is_text else len(np.unique(train.name_index[has_target]))
        n_steps = before.n_steps_ if before else 0
        start = pretrained, shares, before.init_share_ if before else 0.0
        plans = make_plans(params, corpus, n_names, rng, *start, n_steps if one_pass else None)
        teacher = None
        if any(plan.ngram_weight for plan in plans):
            counted = getattr(self, "_teacher", None) if before and one_pass else None
            teacher = _count(corpus, whole, counted)
        ensemble = Ensemble(plans, corpus, pretrained, nets)

        def fitted(generator: CharLSTMGenerator, trainings: Any) -> CharLSTMGenerator:
            learned = ensemble.progress(trainings, before) | {"_teacher": teacher}
            learned["nets_"] = [training.net for training in trainings]
            model = Mixture([training.component for training in trainings], corpus.penalty)
            pairs = zip(trainings, model.components, strict=True)
            started = [
                part.weight for training, part in pairs if training.plan.pretrained is not None
            ]
            learned["init_share_"] = before.init_share_ if before else float(sum(started))
            generator._assign(corpus, model, **learned)
            return generator

        try:
            ensemble.run(train, valid, teacher, is_text, lambda some: fitted(self._copy(), some))
            return fitted(self, ensemble.trainings)  # type: ignore[return-value]
        except KeyboardInterrupt:
            with suppress(ValueError):  # of weights that are not finite
                if begun := [training for training in ensemble.trainings if training.has_weights]:
                    fitted(self, begun)
            raise

    @property
    def net_(self) -> "skorch.NeuralNet":
        """The trained net, where there is one."""
        nets = getattr(self, "nets_", [])
        if len(nets) != 1:
            raise AttributeError(
                f"net_ is the net of one network (num_networks=1). Got {len(nets)}; see nets_."
            )
        return nets[0]

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

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for name in ("_teacher", "nets_"):
            state.pop(name, None)
        state["accelerator"] = None  # it belongs to the processes that run
        if hasattr(self, "alphabet_"):
            components = self._fitted.model.components  # type: ignore[attr-defined]
            state["_networks"] = [component.model.weights for component in components]
            state["_shares"] = [component.weight for component in components]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        networks, shares = state.pop("_networks", None), state.pop("_shares", None)
        super().__setstate__(state)
        if "alphabet_" in state:
            corpus = Corpus.from_state(state)
            pairs = zip(networks or (), shares or (), strict=True)
            components = [Component(LSTM(weights), float(share)) for weights, share in pairs]
            model = Mixture(components, corpus.penalty)
            if (model.n_characters, model.n_labels) != (len(corpus.alphabet), len(corpus.labels)):
                raise corrupt_file_error("The network", "one for the alphabet and the labels")
            self._assign(corpus, model)


# Whatever of them a subclass takes.
_PARAMS = tuple(inspect.signature(CharLSTMGenerator).parameters)


def _count(corpus: Corpus, sequences: Sequences, before: NGrams | None) -> NGrams:
    """Return the n-gram model of these names and those before."""
    if before and before.total >= _MAX_COUNTED:
        return before
    order = min(_TEACHER_ORDER, corpus.window_length_ + 1)
    return NGrams.count(sequences, order, corpus.alphabet.kinds, len(corpus.labels), before=before)
