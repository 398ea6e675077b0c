"""The generator that learns with an LSTM."""

import inspect
from copy import deepcopy
from functools import partial
from math import log, log2
from numbers import Integral

import numpy as np
import torch
from skorch.callbacks import EarlyStopping, ProgressBar
from skorch.helper import predefined_split
from torch.nn import functional as F

from ._base import BaseCharGenerator, random_generator
from ._batches import NO_TARGET, LengthGroupedBatches, SequenceDataset
from ._kneser_ney import contexts_and_characters, count
from ._lstm_params import check_params, check_size, optimizer_class, usable
from ._net import (
    CharacterLoss,
    EpochLine,
    InverseSquareRoot,
    LoadedNet,
    Net,
    OneCycle,
    Record,
    accelerated,
    divergence,
    modes_restored,
    stopped_early,
)
from ._network import CharLSTM
from ._threads import one_thread

_SCORING_BATCH = 1024
_NGRAM_ORDER = 6
_AUTO_HIDDEN_SIZES = 256, 384  # that hidden_size="auto" takes for fewer and for many sequences
_MANY_SEQUENCES = 16_384
_AUTO_EPOCHS = 1500  # of max_epochs="auto", over the square root of the number of sequences
_MAX_COUNTED = 10_000_000  # characters, after which partial_fit counts no more
_CHECKED = 256  # sequences, about, that tell whether the training diverged


class CharLSTMGenerator(BaseCharGenerator):
    """Write new names with an LSTM that predicts the next character.

    Parameters
    ----------
    hidden_size : int or "auto", default="auto"
        Units of each LSTM layer. "auto": 256, or 384 for 16,384 sequences or more.
    num_layers : int, default=1
        LSTM layers.
    embedding_dim : int or None, default=64
        Dimension of the learned vector of each character; None: one-hot.
    dropout : float, default=0.3
        Probability in [0, 1) of dropping an output of a layer in training.
    ngram_weight : float, default=0.6
        Weight in [0, 1] of what counting says in the targets to learn from: beside
        the character that follows, the network learns the distribution over
        characters of an n-gram model of the same names, which keeps it from
        learning them by heart [2]_. 0: only the characters themselves.
    optimizer : str or type, default="AdamW"
        A class of `torch.optim`, or its name.
    lr : float, default=0.015
        Learning rate; the highest one of the schedule.
    lr_schedule : {"one_cycle", "constant"}, default="one_cycle"
        "one_cycle" raises the learning rate from zero to `lr` over the first
        30% of the steps and lowers it to zero over the others, both along a
        cosine [1]_.
    weight_decay : float, default=0.01
        Passed to the optimizer.
    batch_size : int or "auto", default="auto"
        Sequences in a batch. A sequence is a name, or one window of it if the
        window lies behind the first `window_length` positions. "auto": the power of
        two below the square root of their number, within 64 and 512.
    max_epochs : int or "auto", default="auto"
        Passes over the names; the most of them with `early_stopping`. "auto": 1500
        over the square root of the number of sequences, within 3 and 12.
    early_stopping : bool, default=False
        Whether to set `validation_fraction` of the names aside, to stop when
        their loss has not improved for `n_iter_no_change` epochs, and to keep
        the weights of the best epoch.
    validation_fraction : float, default=0.1
        Part of the names to set aside, in (0, 1). Only with `early_stopping`.
    n_iter_no_change : int, default=3
        Epochs without improvement to wait. Only with `early_stopping`.
    callbacks : list of skorch callbacks, default=None
        Added to the training.
    net_params : dict, default=None
        Further parameters of `skorch.NeuralNet`, beside those set here, for
        example ``{"optimizer__betas": (0.9, 0.99)}``.
    device : str, default="cpu"
        Where torch computes.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What training computes with. "auto" takes bfloat16 (torch's autocast)
        if the processor has instructions for it, and float32 otherwise.
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
        Every character the model can produce, U+0003 for the end of a name
        among them unless running text was learned.
    window_length_ : int
        Characters of context a prediction depends on.
    max_length_ : int or None
        Characters of the longest training name; None for running text.
    name_hashes_ : ndarray of shape (n_distinct_names,), dtype uint64, or None
        What `sample` recognises the training names by; None if their windows do not hold
        whole names.
    n_characters_seen_ : int
        Predicted characters in the training data.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted. Only after learning with labels.
    class_count_ : ndarray of shape (n_classes,), dtype float64
        How many names had each label. Only after learning with labels.
    n_iter_ : int
        Epochs trained.
    n_steps_ : int
        Batches trained on.
    loss_curve_ : list of float
        Training loss of each epoch in nats per character, measured while
        training (with dropout, weights changing), whatever `ngram_weight` is.
    validation_scores_ : list of float or None
        `score` of the names set aside after each epoch; None without
        `early_stopping`.
    net_ : skorch.NeuralNet
        The trained net, for its `history`, `module_` and callbacks.

    See Also
    --------
    CharSequenceVectorizer : Makes the windows.

    Notes
    -----
    The network maximises the log-likelihood of each character given the
    `window_length` characters before it, as in [3]_: an LSTM starts from a zero
    state at the first character of the window, and a softmax layer follows. The
    windows that begin with the start of a name are prefixes of each other, so one
    pass gives the predictions for all of them; a later window takes a pass of
    its own. The loss is averaged over characters, not over batches. The n-gram model
    is that of `CharNGramGenerator` with ``order=6``, fitted to the training names.

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
    """

    def __init__(
        self,
        *,
        hidden_size="auto",
        num_layers=1,
        embedding_dim=64,
        dropout=0.3,
        ngram_weight=0.6,
        optimizer="AdamW",
        lr=0.015,
        lr_schedule="one_cycle",
        weight_decay=0.01,
        batch_size="auto",
        max_epochs="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=3,
        callbacks=None,
        net_params=None,
        device="cpu",
        precision="auto",
        accelerator=None,
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
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

    def fit(self, X, y=None, sample_weight=None):
        """Learn to predict the next character.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names, from `CharSequenceVectorizer`.
        y : array-like of shape (n_names,), default=None
            A label for each name, such as a language. If given, the model learns names given
            their label, and gets `classes_`, `predict` and `predict_proba`.
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
            If the loss is not finite, or the training ends worse than guessing:
            the learning rate is too high. The estimator is then as it was
            before the call.

        Notes
        -----
        A KeyboardInterrupt leaves the estimator fitted as far as it came, and
        is raised on.
        """
        continues = self.warm_start and hasattr(self, "net_")
        return self._fit_or_restore(X, y, sample_weight, continues)

    def partial_fit(self, X, y=None, *, alphabet=None, classes=None, sample_weight=None):
        """Learn from more names, in one pass over them.

        Weights and optimizer go on from the last call, or the last `fit`. The learning
        rate does too, unless it is constant: as nobody knows how many calls will come, it
        rises to `lr` over 50 steps, and falls with the inverse square root of the steps
        from then on.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names, from `CharSequenceVectorizer`.
        y : array-like of shape (n_names,), default=None
            A label for each name, in all calls or in none.
        alphabet : iterable of str, default=None
            In the first call: characters to expect later, beside those in X. All
            others are unknown to the model.
        classes : array-like of shape (n_classes,), default=None
            In the first call: all labels that will come; None: those in y.
        sample_weight : array-like of shape (n_names,), default=None
            How often each name counts, as in `fit`.

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
        return self._fit_or_restore(
            X,
            y,
            sample_weight,
            continues=hasattr(self, "net_"),
            one_pass=True,
            alphabet=alphabet,
            classes=classes,
        )

    def _fit_or_restore(self, *args, **options):
        net = getattr(self, "net_", None)

        def interrupted(error):
            return isinstance(error, KeyboardInterrupt) and getattr(self, "net_", None) is not net

        with self._undone_on_error(unless=interrupted), one_thread(), modes_restored():
            self._fit(*args, **options)
        return self

    def _fit(self, X, y, sample_weight, continues, one_pass=False, alphabet=None, classes=None):
        check_params(self)
        learn = self._learn_more_characters if continues else self._learn_characters
        sequences, weights = learn(X, y, sample_weight, alphabet, classes)
        if not continues:
            self.n_iter_, self.n_steps_, self.loss_curve_ = 0, 0, []
            self._ngrams = None
            self.validation_scores_ = [] if self.early_stopping else None
        n_characters = len(self.alphabet_)
        targets = np.where(sequences.targets > n_characters, NO_TARGET, sequences.targets)

        rng = random_generator(self.random_state)
        held_out = self._hold_out(sequences.owner, rng)
        if not (targets[~held_out] != NO_TARGET).any():
            raise ValueError("X must hold at least one character to learn that is known. Got none.")
        inputs = sequences.inputs[~held_out]
        weights = None if weights is None else weights[~held_out]
        before = self._ngrams if one_pass else None
        self._ngrams = self._count(inputs, targets[~held_out], weights, before)
        train = SequenceDataset(inputs, targets[~held_out], self._ngrams, weights)
        valid = SequenceDataset(sequences.inputs[held_out], targets[held_out])
        seed, shuffle_seed = rng.integers(2**63, size=2).tolist()
        config = {
            "n_characters": n_characters,
            "hidden_size": self._hidden_size(train.n_with_targets, continues),
            "num_layers": int(self.num_layers),
            "embedding_dim": self.embedding_dim and int(self.embedding_dim),
            "dropout": float(self.dropout),
            "seed": seed,
            "n_labels": self._n_labels,
        }
        check_size(config)
        params = {
            "criterion": partial(CharacterLoss, float(self.ngram_weight)),
            "lr": float(self.lr),
            "max_epochs": 1 if one_pass else self._max_epochs(train.n_with_targets),
            "batch_size": self._batch_size(train.n_with_targets),
            "iterator_train": LengthGroupedBatches,
            "iterator_train__generator": torch.Generator().manual_seed(shuffle_seed),
            "iterator_valid": LengthGroupedBatches,
            "iterator_valid__batch_size": _SCORING_BATCH,
            "train_split": predefined_split(valid) if self.early_stopping else None,
            "callbacks__print_log": None,  # its table does not name the unit
            "callbacks": self._callbacks(one_pass),
            "device": None if self.accelerator else self.device,
            "bfloat16": self._uses_bfloat16(),
            "verbose": int(self.verbose),
        }
        params |= _module_params(config) | self._optimizer_params()
        kind = Net
        if self.accelerator:
            kind = accelerated(self.accelerator)
            params["iterator_train__part"] = self._part(train.n_with_targets)
            del params["callbacks__print_log"]  # which has its sink set
        net = kind(**params | self._extra_params(params)).initialize()
        if continues:
            self._copy_state(net)
        self.net_ = net
        self._train(train)
        # The losses were measured before the last steps; what counts is what they left.
        some = slice(None, None, max(1, len(targets) // _CHECKED))
        n_targets = np.count_nonzero(targets[some] != NO_TARGET)
        log_proba = self._sequence_log_proba(sequences.inputs[some], targets[some]).sum()
        loss = -log_proba / max(1, n_targets)
        if not loss < log(n_characters) + 1:
            raise divergence(f"a loss of {loss:.3g} nats per character, worse than guessing", net)

    def _part(self, n_sequences):
        """Return which part of each batch this process trains on, of how many."""
        n_parts = self.accelerator.num_processes
        if n_parts > 1 and not isinstance(self.random_state, Integral):
            raise ValueError(
                "random_state must be an int, the same in all processes, to train in "
                f"{n_parts} of them. Got {self.random_state!r}."
            )
        if n_sequences < n_parts:
            raise ValueError(
                f"X must hold at least a sequence for each of {n_parts} processes. "
                f"Got {n_sequences}."
            )
        return self.accelerator.process_index, n_parts

    def _extra_params(self, params):
        extra = self.net_params or {}
        for name in extra:
            if not isinstance(name, str) or name in params.keys() - {"optimizer__weight_decay"}:
                raise ValueError(
                    "net_params must hold parameters of skorch.NeuralNet that CharLSTMGenerator "
                    f"does not set itself. Got {name!r}."
                )
        return extra

    def _uses_bfloat16(self):
        if self.precision != "auto":
            return self.precision == "bfloat16"
        device = self.accelerator.device if self.accelerator else torch.device(self.device)
        if device.type == "cuda":
            return torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.cpu._is_avx512_bf16_supported()

    def _hold_out(self, owner, rng):
        """Return which sequences belong to the names set aside for early stopping."""
        n_names = owner.max() + 1
        if not self.early_stopping:
            return np.zeros(len(owner), dtype=bool)
        n_valid = max(1, round(self.validation_fraction * n_names))
        if n_valid >= n_names:
            raise ValueError(
                "early_stopping needs at least one name to train on beside those set aside. Got "
                f"{n_names} names and validation_fraction={self.validation_fraction}; use "
                "early_stopping=False, or cut a running text into several."
            )
        chosen = np.zeros(n_names, dtype=bool)
        chosen[rng.permutation(n_names)[:n_valid]] = True
        return chosen[owner]

    def _count(self, inputs, targets, weights, before):
        """Return what counting says of these names and those before, None if it has no weight."""
        if not self.ngram_weight:
            return None
        if before is not None and before.total >= _MAX_COUNTED:
            return before
        sizes = len(self.alphabet_), self._n_labels
        length = min(_NGRAM_ORDER - 1, self.window_length_)
        found = contexts_and_characters(inputs, targets, length, *sizes)
        if weights is not None:
            weights = np.broadcast_to(weights[:, None], targets.shape)[targets >= 0]
        return count(*found, sizes[0], counts=weights, n_labels=sizes[1], before=before)

    def _hidden_size(self, n_sequences, continues):
        if self.hidden_size != "auto":
            return int(self.hidden_size)
        if continues:
            return self.net_.network.config["hidden_size"]
        return _AUTO_HIDDEN_SIZES[n_sequences >= _MANY_SEQUENCES]

    def _max_epochs(self, n_sequences):
        if self.max_epochs == "auto":
            return int(np.clip(round(_AUTO_EPOCHS / n_sequences**0.5), 3, 12))
        return int(self.max_epochs)

    def _batch_size(self, n_sequences):
        if self.batch_size == "auto":
            return 2 ** int(np.clip(log2(n_sequences) // 2, 6, 9))
        return min(int(self.batch_size), n_sequences)

    def _callbacks(self, one_pass):
        callbacks = [("record", Record(self))]
        if self.lr_schedule == "one_cycle":
            schedule = InverseSquareRoot(self.n_steps_) if one_pass else OneCycle()
            callbacks.append(("schedule", schedule))
        if self.verbose:
            callbacks += [("progress_bar", ProgressBar()), ("epoch_line", EpochLine())]
        if self.early_stopping:
            stopping = EarlyStopping(patience=self.n_iter_no_change, load_best=True)
            callbacks.append(("early_stopping", stopping))
        return callbacks + list(self.callbacks or [])

    def _optimizer_params(self):
        optimizer = optimizer_class(self.optimizer)
        accepted = inspect.signature(optimizer).parameters
        params = {"optimizer": optimizer}
        if "weight_decay" in accepted:
            params["optimizer__weight_decay"] = self.weight_decay
        if "fused" in accepted:
            params["optimizer__fused"] = True
        return params

    def _copy_state(self, net):
        old, new = self.net_.network, net.network
        changed = [
            name
            for name in ("hidden_size", "num_layers", "embedding_dim")
            if old.config[name] != new.config[name]
        ]
        if changed:
            raise ValueError(
                f"warm_start needs the network of the last fit. Got another {changed[0]}: "
                f"{new.config[changed[0]]!r} instead of {old.config[changed[0]]!r}; set it back, "
                "or use warm_start=False."
            )
        new.load_state_dict(old.state_dict())
        optimizer = getattr(self.net_, "optimizer_", None)  # a loaded net has none
        if type(optimizer) is type(net.optimizer_):
            groups = net.optimizer_.state_dict()["param_groups"]
            state = deepcopy(optimizer.state_dict())
            net.optimizer_.load_state_dict(state | {"param_groups": groups})

    def _train(self, train):
        net = self.net_
        net.notify("on_train_begin", X=train, y=None)
        try:
            net.fit_loop(train)
        except KeyboardInterrupt:
            if not stopped_early(net):
                raise
        finally:
            net.notify("on_train_end", X=train, y=None)
            net.network.eval()
            dict(net.callbacks_)["record"].generator = None

    def _sequence_log_proba(self, inputs, targets):
        dataset = SequenceDataset(inputs, targets)
        log_proba = torch.zeros(len(dataset), dtype=torch.float64)
        network, device = self.net_.network, self._device()
        with torch.inference_mode():
            for rows in LengthGroupedBatches(dataset, _SCORING_BATCH).rows():
                x, y = dataset[rows]
                n_rows, n_steps = x["codes"].shape
                where = x.get("where", torch.arange(n_rows * n_steps))
                logits = network(x["codes"].to(device), where.to(device))
                characters = y["characters"].to(device)
                each = -F.cross_entropy(logits, characters, reduction="none")
                log_proba.index_add_(0, rows[where // n_steps], each.double().cpu())
        return log_proba.numpy()

    def _next_character(self):
        return self.net_.network

    def _device(self):
        return self.net_.network.head.weight.device

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("_ngrams", None)
        state["accelerator"] = None  # it belongs to the processes that run
        if net := state.pop("net_", None):
            weights = net.network.state_dict()
            state["_network"] = {
                "config": net.network.config,
                "weights": {name: weight.cpu().numpy() for name, weight in weights.items()},
            }
        return state

    def __setstate__(self, state):
        state = dict(state)
        network = state.pop("_network", None)
        super().__setstate__(state)
        self._ngrams = None
        if network:
            self.net_ = LoadedNet(
                criterion=CharacterLoss,
                device=self.device if usable(self.device) else "cpu",
                **_module_params(network["config"]),
            ).initialize()
            weights = {name: torch.tensor(weight) for name, weight in network["weights"].items()}
            self.net_.module_.load_state_dict(weights)
            self.net_.module_.eval()

    def __sklearn_is_fitted__(self):
        return hasattr(self, "net_")


def _module_params(config):
    return {"module": CharLSTM} | {f"module__{name}": value for name, value in config.items()}
