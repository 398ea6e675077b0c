"""Name generator based on an LSTM."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError

from ._data.corpus import Names
from ._fitted import Fitted
from ._generator import BaseCharGenerator, unwrapped
from ._models.pretrained import Pretrained, load_base
from ._training.recipe import N_LONG_TEXT
from ._types import Data, RandomStateLike
from ._validation import is_auto

if TYPE_CHECKING:
    import skorch
    import torch

    from ._training.run import Trained


__all__ = ["CharLSTMGenerator"]


class CharLSTMGenerator(BaseCharGenerator):
    """Name generator based on an LSTM that predicts the next character.

    The generator is fitted to windows from `CharSequenceVectorizer` and adapts to any number of
    names. Training on twenty names takes a few seconds, because it starts from a pretrained
    network. Training on five thousand takes ten to twenty seconds.

    >>> from sknamegen import CharLSTMGenerator, CharSequenceVectorizer
    >>> few = ["Makris", "Pappas", "Kouros", "Samaras", "Vlahos", "Spanos", "Kanaris", "Zervas"]
    >>> windows = CharSequenceVectorizer().fit_transform(few)
    >>> generator = CharLSTMGenerator(random_state=0).fit(windows)
    >>> generator.sample("Ka", 0.7, n_samples=3, random_state=0)  # doctest: +ELLIPSIS
    ['Ka...', 'Ka...', 'Ka...']

    Parameters
    ----------
    init : {"auto", "base"}, None or fitted generator, default="auto"
        Initial weights of the networks. "base" is a pretrained network included in the package,
        trained on names of people, towns, brands and other things, on English words and on the
        bundled styles. If None, the weights are random. With "auto", the first network starts from
        the base and the other networks from random weights, see Notes. A fitted
        `CharLSTMGenerator`, or a pipeline that ends with one, provides its weights and is saved
        with this generator. In pipelines and searches, which clone their parameters, wrap it in
        `sklearn.frozen.FrozenEstimator`. With "base" or a fitted generator, `hidden_size` (unless
        it is "auto"), `num_layers` and `embedding_dim` must be those of the initial networks.
    similar : "auto", collection of str or None, default="auto"
        Names to choose similar names from. The networks learn up to 300 of them together with X, so
        that generated names sound like others of their kind [5]_. "auto" chooses from the bundled
        collection if a network starts from the base and X has fewer than 200 names. With labels,
        similar names are chosen for each label. If None, learn only X. See Notes.
    num_networks : int or "auto", default="auto"
        Number of networks in the ensemble, whose logits are averaged. The networks are trained
        independently, in as many threads as torch may use, or one after another with `accelerator`.
        "auto" means the number of networks in `init`, if that is "base" (1) or a generator.
        Otherwise, it means 2, or 1 for a short list and for running text, see Notes.
    hidden_size : int or "auto", default="auto"
        Number of units in each LSTM layer. If `init` is "auto", `hidden_size`, `num_layers` and
        `embedding_dim` apply to the networks with random initial weights.
    num_layers : int, default=1
        Number of LSTM layers.
    embedding_dim : int or None, default=64
        Dimension of the character embeddings. If None, use one-hot vectors.
    dropout : float or "auto", default="auto"
        Dropout probability for the layer outputs during training, in [0, 1).
    ngram_weight : float or "auto", default="auto"
        Weight of the n-gram distribution in the training targets, in [0, 1] (knowledge distillation
        [2]_). It reduces memorisation. With 0, the only target is the next character, as always in
        running text.
    ngram_counts : {"auto", True, False}, default="auto"
        Whether n-gram counts of the names are part of the model, see Notes. They make names sound
        more like the list, and reveal the list to anyone with the model. With "auto", lists of
        fewer than 200 names have them if the base or `init` is not ignored. With True, all lists
        have them that are not too long (see Notes). Running text has them with "auto" and True.
        Unless this is False, `partial_fit` also saves counts that only its later calls need.
    optimizer : str or type, default="AdamW"
        Optimizer class from `torch.optim`, or its name.
    lr : float or "auto", default="auto"
        Learning rate, or its maximum if it follows a schedule.
    lr_schedule : {"one_cycle", "constant"}, default="one_cycle"
        "one_cycle" raises the learning rate from zero to `lr` over the first 30% of the steps and
        lowers it to zero over the remaining steps. Both phases follow a cosine curve [1]_. A
        `skorch.callbacks.LRScheduler` in `callbacks` replaces the schedule and starts from the
        beginning in each call of `fit` or `partial_fit`.
    weight_decay : float or "auto", default="auto"
        Weight decay of the optimizer.
    batch_size : int or "auto", default="auto"
        Number of names per batch, each with all of its windows. For running text, number of rows
        that are read side by side.
    max_epochs : int or "auto", default="auto"
        Number of passes over the names or texts, or the maximum with `early_stopping`.
    early_stopping : bool, default=False
        Whether to hold out `validation_fraction` of the names and stop once their loss has not
        improved by 0.01% for `n_iter_no_change` epochs. The weights from the best epoch are kept.
        The loss is that of each network, without the n-gram counts.
    validation_fraction : float, default=0.1
        Share of names to hold out, in (0, 1). Only used with `early_stopping`.
    n_iter_no_change : int, default=3
        Number of epochs without improvement before training stops. Only used with `early_stopping`.
    callbacks : list of skorch callbacks, default=None
        Callbacks for training each network. Each network uses its own copies, so read their results
        from `nets_`, and use `skorch.callbacks.Checkpoint` only with ``num_networks=1``. During
        training, ``net.generator()`` returns a generator with the current weights of that network,
        without n-gram counts. The estimator itself does not change until `fit` ends. Nets have no
        `predict`, so `skorch.callbacks.EpochScoring` requires a function as `scoring`. Callbacks
        that use a validation loss require `early_stopping`.
    net_params : dict, default=None
        Additional parameters for `skorch.NeuralNet`, for example
        ``{"optimizer__betas": (0.9, 0.999)}``. The default betas are (0.8, 0.99).
    device : str or torch.device, default="cpu"
        Device for training. "auto" means "cuda" if torch can use it, and "cpu" otherwise. Sampling
        and scoring always run on the CPU.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Number format for training. "auto" uses bfloat16 (torch's autocast) if the processor is
        faster with it (AMX, or AVX-512 on AMD) or the GPU supports it, and float32 otherwise.
        Weights, scores and sampling always use float32.
    accelerator : accelerate.Accelerator, default=None
        Splits each batch between the processes started by `accelerate launch`. All processes must
        call `fit` with the same names and the same int as `random_state`, and end with the same
        weights. The accelerator determines the device and is not saved. It keeps the networks of
        every call in memory, so call ``accelerator.free_memory()`` between many calls of
        `partial_fit`.
    warm_start : bool, default=False
        Whether `fit` continues from the weights of the last `fit`, for `max_epochs` more epochs
        with a new schedule. N-grams are counted again, but `n_characters_seen_`, `class_count_` and
        the hashes are those of all fits. The optimizer keeps its state, unless the estimator was
        saved and loaded. The alphabet does not change, so new characters are unknown.
    verbose : int, default=0
        If 1, show a progress bar in a terminal and, after each epoch of a network, print its losses
        in nats per character and its duration.
    random_state : int, RandomState, Generator or None, default=None
        Determines the initial weights, the order of the names, the dropout masks and the validation
        split. With an int, every fit gives the same model. Global random generators are neither
        used nor changed.

    Attributes
    ----------
    alphabet_, window_length_, min_length_, max_length_, name_hashes_, n_characters_seen_
        Shared by all generators, see `BaseCharGenerator`.
    classes_, class_count_
        Shared by all generators. Only available after fitting with labels.
    init_share_ : float
        Total weight, in the average, of the networks that started from `init`: 1 if all of them
        did, 0 if none did, otherwise the weight of the first network.
    similar_names_ : list of str
        Similar names that the networks have learned, most similar first, one list after another for
        several labels. Empty without similar names.
    has_ngram_counts_ : bool
        Whether the estimator contains n-gram counts, which reveal the names: as part of the model,
        or for later calls of `partial_fit`.
    n_iter_ : int
        Largest number of epochs that any network was trained for.
    n_steps_ : int
        Largest number of batches that any network was trained on.
    loss_curve_ : list of float
        Training loss in each epoch, in nats per character, averaged over the networks that were
        still training. It is measured during the epoch, with dropout and changing weights, also on
        the similar names, and excludes the n-gram targets.
    validation_scores_ : list of float or None
        Mean log-likelihood of the known characters in the held-out names under each network alone,
        without n-gram counts and penalties, after each epoch, averaged over the networks that were
        still training. None if no fit used `early_stopping`.
    nets_ : list of skorch.NeuralNet
        Trained net for each network, with its `history`, `module_` and copies of the callbacks.
        Nets exist only in the process that trained them. They are not saved: a loaded generator
        creates new nets when training continues.

    See Also
    --------
    CharSequenceVectorizer : Creates the windows.

    Notes
    -----
    The network maximises the log-likelihood of each character given the `window_length` preceding
    characters, as in [3]_. An LSTM starts from a zero state at the first character of the window
    and feeds a softmax layer. The windows at the start of a name are prefixes of each other, so one
    pass computes all of their predictions. For later characters, a pass predicts the last quarter
    of a window, each character from at least three quarters of a window. For windows shorter than 8
    characters, a pass predicts only the last character. The loss is averaged over characters, not
    over batches. The n-gram targets come from the counts of a `CharNGramGenerator` with
    ``order=6``, fitted to the training names. Like that generator, the model penalises characters
    of a kind that is rare after the preceding kinds, and characters that no name with the label
    contains.

    With ``init="auto"``, the network that starts from the base has a weight of
    1 / (1 + (n / 5000)^0.6) for n names. If this weight exceeds 0.9 (n <= 128), it is the only
    network, unless `num_networks` or a size is set. The base is ignored if it predicts the names no
    better than guessing before training. With any `init`, pretrained networks that lack more than
    half of the characters are ignored. With ``init="auto"`` and
    ``num_networks=1``, the network starts from the base if the base has the greater weight and its
    sizes match the given sizes. Otherwise, it starts from random weights.

    The "auto" values depend on n, the number of names:

    ================  ====================================  ====================================
    parameter         from random weights                   from `init`
    ================  ====================================  ====================================
    `hidden_size`     240; 352 for n >= 16,384              size of its networks; 384 for the base
    `dropout`         0.2                                   0.2; 0.5 for n < 1,000
    `ngram_weight`    0.5; 0.5 to 0.9 for n < 500 if no     0.5; 0 to 0.45 for n < 1,000
                      network starts from `init`
    `lr`              0.02                                  0.01; 0.003 for n < 1,000
    `weight_decay`    0.1                                   0.1; for n < 1,000, the value that
                                                            shrinks the weights by 16% in 10
                                                            epochs
    ================  ====================================  ====================================

    `batch_size` is a power of two near the square root of n, up to 512. `max_epochs` is
    1250 / sqrt(n), between 3 and 10. For n < 1,000, the softmax layer from `init` has six times
    the learning rate. If `init` has no labels, the embeddings of labels have a higher learning
    rate. For optimizers other than AdamW, `weight_decay` is 0.

    Networks predict a short list as an average of many similar lists. The n-gram counts correct
    this. Contexts of two to five characters use interpolated modified Kneser-Ney counts with
    additional pseudo-counts, and contexts of one character have the distribution p of the networks
    [4]_. For a context h of k characters with N(h) occurrences and discounts D::

        p(w | h) = (c(h w) - D) / (N(h) + t) + (sum of D + t) / (N(h) + t) p(w | h')
        t = 16 / (k - 1)^3

    With sample weights, t is multiplied by their mean. With labels, the counts are those of the
    label. A list can have counts if its number of contexts, multiplied by its number of characters,
    is at most 4 million: up to about 6,000 names. `partial_fit` continues to count, up to ten
    million characters, and uses all names so far. After a `fit` that left out the counts, it leaves
    them out, too. Weights from `init` come without counts.

    **Running text** is read once. A batch contains a piece of `window_length` characters of each of
    `batch_size` rows, and the network continues from its state after the pieces before. Errors go
    back to the beginning of the piece (truncated backpropagation through time [7]_). Each epoch
    joins the texts in random order, beginning with a random piece, and cuts the result into rows.
    Where a text begins, and at the beginning of a row, the state is zero. With a `step`, only every
    step-th character is a target. `sample_weight` multiplies the losses of a text. The
    probabilities are averaged with those of n-grams of up to seven characters, whose share is 0.4.
    There is one network, with 256 units and random weights, or from the base for fewer than 524,288
    characters. For n characters, the "auto" values are 2000 / sqrt(n) epochs, between 3 and 6, a
    learning rate of 0.02 (from `init` 0.01), `dropout` 0.2 (0.5 for n < 65,536), `weight_decay`
    0.1, `ngram_weight` 0, and as `batch_size` a power of two near an eighth of the square root of
    n, up to 64.

    **Similar names.** A short list does not show what other names of its kind look like. `fit`
    chooses the names whose n-grams of one to three characters have the highest mean log-odds, the
    log of the ratio between their frequency in X and among all candidates. Three times the mean of
    a name's list in the collection is added, because one short name says little, and half the
    distance of the list is subtracted: how differently the base reads the names of X and of the
    list. Its unit is the standard deviation of names in a list, in the 32 dimensions of the hidden
    states after a name that distinguish the lists best [6]_. Training begins with similar names:
    their total weight is eight times that of X, and halves in each of the last four epochs. In the
    "auto" values, n includes the similar names, but `max_epochs` is 5 and `ngram_weight` is 0.
    `max_length_`, `class_count_` and the priors describe the list alone. `alphabet_` also contains
    the characters of the similar names, unless they are rare, and all basic letters of the list's
    script and case, so that names may begin with any letter. Scores treat characters that no name
    of the list contains as unknown, so they are comparable between values of `similar`. For their
    probability, see `next_char_proba`. ``novel=True`` also excludes similar names. `partial_fit`
    and ``warm_start=True`` choose similar names only in the first call.

    References
    ----------
    .. [1] L. N. Smith and N. Topin, "Super-Convergence: Very Fast Training of
       Neural Networks Using Large Learning Rates", 2018.
    .. [2] G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural
       Network", 2015.
    .. [3] A. Graves, "Generating Sequences With Recurrent Neural Networks", 2013.
    .. [4] Y. W. Teh, "A Hierarchical Bayesian Language Model based on Pitman-Yor Processes",
       ACL 2006.
    .. [5] R. C. Moore and W. Lewis, "Intelligent Selection of Language Model Training Data",
       ACL 2010.
    .. [6] R. A. Fisher, "The Use of Multiple Measurements in Taxonomic Problems", 1936.
    .. [7] P. J. Werbos, "Backpropagation through time: what it does and how to do it", 1990.

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

    For a short list, as in the first example, the network from the base has most of the weight:

    >>> bool(generator.init_share_ > 0.8)
    True
    >>> len(generator.sample(n_samples=5, unique=True, novel=True, random_state=0))
    5
    """

    similar_names_: list[str]
    nets_: list[skorch.NeuralNet]
    n_iter_: int
    n_steps_: int
    loss_curve_: list[float]
    validation_scores_: list[float] | None

    def __init__(
        self,
        *,
        init: Any = "auto",
        similar: Iterable[str] | Literal["auto"] | None = "auto",
        num_networks: int | Literal["auto"] = "auto",
        hidden_size: int | Literal["auto"] = "auto",
        num_layers: int = 1,
        embedding_dim: int | None = 64,
        dropout: float | Literal["auto"] = "auto",
        ngram_weight: float | Literal["auto"] = "auto",
        ngram_counts: bool | Literal["auto"] = "auto",
        optimizer: str | type[torch.optim.Optimizer] = "AdamW",
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
        device: str | torch.device = "cpu",
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        accelerator: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: RandomStateLike = None,
    ):
        self.init = init
        self.similar = similar
        self.num_networks = num_networks
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.ngram_weight = ngram_weight
        self.ngram_counts = ngram_counts
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
        """Train the networks.

        Parameters
        ----------
        X : iterable of str, or ndarray of shape (n_names, n_positions, window_length + 1)
            Names, or their windows from `CharSequenceVectorizer`, dtype int. `fit` and the first
            `partial_fit` cut names with ``CharSequenceVectorizer()``. Later calls, also with
            `warm_start`, use `window_length_`. For running text, pass windows.
        y : array-like of shape (n_names,), default=None
            Label of each name, such as a language, all str or all int. Labels enable `classes_` and
            the parameter `label` of `sample`. `NameClassifier` predicts the label of a name.
        sample_weight : array-like of shape (n_names,), default=None
            Weight of each name, such as its number of occurrences (not a relative frequency). An
            epoch contains as many names as X, drawn in proportion to their weights. If None, all
            names have weight 1. Names held out by `early_stopping` all have the same weight.

        Returns
        -------
        self : CharLSTMGenerator

        Warns
        -----
        NamesWarning
            If names are suspicious, see `sknamegen.datasets.clean_names`.
        UserWarning
            If the collection for similar names cannot be read.

        Raises
        ------
        TypeError, ValueError
            If a parameter is out of range, X contains neither names nor windows, or the number of
            labels or weights differs from the number of names.
        NotFittedError
            If `init` is a generator that is not fitted.
        ImportError
            If torch or skorch is not installed.
        ValueError
            If the learning rate is so high that the loss is not finite, or that the trained network
            is much worse than guessing. The estimator then remains unchanged.

        Notes
        -----
        Ctrl-C leaves the estimator unchanged. A callback that raises KeyboardInterrupt, such as
        skorch's EarlyStopping, ends the training of its network, which keeps its weights.

        A generator is not a classifier. A search over a generator with labels therefore requires
        ``cv=StratifiedKFold()``, so that each fold contains all labels.
        """
        return self._learn(X, y, sample_weight, resume=self.warm_start)

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        alphabet: Iterable[str] | None = None,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train on more names in a single pass.

        Training continues from the weights, counts and optimizer state of the last call or the last
        `fit`. Saved estimators lack the optimizer state. Unless the learning rate is constant, its
        schedule continues too. Because the number of calls is unknown, the learning rate rises to
        `lr` over 50 steps and then falls with the inverse square root of the number of steps.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`. Pass labels in all calls or in no call.
        alphabet : iterable of str, default=None
            Characters that later calls may contain in addition to those in X. All other characters
            are unknown to the model. Only for the first call.
        classes : array-like of shape (n_classes,), default=None
            All labels that occur in any call. If None, the labels in y. Only for the first call.
            scikit-learn's ``learning_curve(..., exploit_incremental_learning=True)`` passes
            `classes` only to classifiers, such as `NameClassifier`.

        Returns
        -------
        self : CharLSTMGenerator

        Raises
        ------
        TypeError, ValueError
            As in `fit`. Also if a later call changes `alphabet`, `classes`, `num_networks` or a
            size, or `early_stopping` is True.
        """
        if self.early_stopping:
            raise ValueError(
                "partial_fit requires early_stopping=False, because it makes one pass over X."
            )
        return self._learn(X, y, sample_weight, alphabet, classes, resume=True, one_pass=True)

    def _learn(self, X: ArrayLike, *data: Any, resume: bool, one_pass: bool = False) -> Self:
        """Train the networks.

        Training continues from the last fit if `resume` is True and the generator is fitted.
        """
        try:
            from ._training import parameters, run
        except ModuleNotFoundError as error:
            raise ImportError(
                f"Fitting a CharLSTMGenerator requires {error.name}: pip install torch skorch. "
                "Loading, sampling and scoring work without it."
            ) from error
        settings = parameters.check_params({name: getattr(self, name) for name in _PARAMS})
        before = self._fitted if resume and hasattr(self, "_fitted") else None
        names = Names.read(before.corpus if before else None, X, *data)
        n_steps = self.n_steps_ if before else 0
        trained = run.train(
            settings,
            names,
            _choose_pretrained(self.init, names, before),
            before.model if before else None,
            previous_nets=getattr(self, "nets_", []) if before else [],  # none if loaded
            n_steps_before=n_steps if one_pass else None,
            make_preview=lambda trained: self._copy()._take_over(trained, before is not None),
        )
        return self._take_over(trained, before is not None)

    def _take_over(self, trained: Trained, resumes: bool) -> Self:
        """Set all fitted attributes after training, which include those of earlier fits."""
        before = vars(self) if resumes else {}
        scores = before.get("validation_scores_")
        if trained.valid_losses is not None:
            scores = [*(scores or []), *(-loss for loss in trained.valid_losses)]
        return self._assign(
            Fitted(trained.corpus, trained.model),
            nets_=trained.nets,
            similar_names_=before.get("similar_names_", trained.similar_names),
            n_iter_=before.get("n_iter_", 0) + len(trained.losses),
            n_steps_=before.get("n_steps_", 0) + max(net.n_steps for net in trained.nets),
            loss_curve_=before.get("loss_curve_", []) + trained.losses,
            validation_scores_=scores,
        )

    @property
    def has_ngram_counts_(self) -> bool:  # noqa: D102  # documented as an attribute
        return self._fitted.model.counts is not None

    @property
    def init_share_(self) -> float:  # noqa: D102  # documented as an attribute
        networks = self._fitted.model.networks
        weight = sum(network.weight for network in networks if network.starts_from_init)
        return weight / sum(network.weight for network in networks)

    def __getstate__(self) -> Data:
        # Nets and the accelerator belong to the running processes.
        state = super().__getstate__() | {"accelerator": None}
        return {name: value for name, value in state.items() if name != "nets_"}


# Parameter names. Subclasses, whose signatures may be shorter, need all of them.
_PARAMS = [*CharLSTMGenerator().get_params(deep=False)]


def _choose_pretrained(init: object, names: Names, before: Fitted | None) -> Pretrained | None:
    """Return the networks that the first fit starts from, or None if it ignores `init`.

    Later fits keep the choice, which the networks of the last fit show.
    """
    pretrained = None if init is None else _resolve_init(init)
    if pretrained is None or not pretrained.covers(names.corpus.alphabet_):
        return None
    if not is_auto(init):
        return pretrained
    if before:
        starts = (network.starts_from_init for network in before.model.networks)
        return pretrained if any(starts) else None
    if names.corpus.is_text and np.count_nonzero(names.rows.targets) >= N_LONG_TEXT:
        return None
    return pretrained if pretrained.beats_guessing(names) else None


def _resolve_init(init: object) -> Pretrained:
    """Return the networks for the parameter `init`, which is not None."""
    if isinstance(init, str) and init in ("auto", "base"):
        return load_base()
    generator = unwrapped(init)[-1]
    if isinstance(generator, BaseCharGenerator) and not hasattr(generator, "alphabet_"):
        raise NotFittedError(
            f"init must be a fitted generator. Got {generator!r}, which is not fitted. Pipelines "
            "and searches clone their parameters, and clones are not fitted. If you have fitted "
            "it, pass init=sklearn.frozen.FrozenEstimator(generator)."
        )
    if not isinstance(generator, CharLSTMGenerator):
        raise TypeError(
            f"init must be 'auto', None, 'base' or a fitted CharLSTMGenerator. Got {init!r:.200}."
        )
    return pretrained_of(generator)


def pretrained_of(generator: CharLSTMGenerator) -> Pretrained:
    """Return the networks of a fitted generator as initial networks."""
    fitted = generator._fitted
    return Pretrained.of(fitted.corpus, fitted.model.networks)
