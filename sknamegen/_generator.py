"""The public methods that all generators share: they validate, then delegate."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import exp
from typing import Any, Literal, Self, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import ClassifierTags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._alphabet import NONE, fold
from ._corpus import Corpus
from ._models.contract import NextCharModel, log_likelihood, next_log_proba
from ._models.mixture import Component, Mixture
from ._parallel import blocks, parallel_map
from ._sampling.cache import Cache
from ._sampling.constraint import make_constraint
from ._sampling.decoding import check_decoding
from ._sampling.sampler import Filters, Sampler, label_proba
from ._sequences import Sequences
from ._state import StateFormat
from ._validation import (
    check_blend,
    check_exclude,
    check_int,
    check_option,
    check_seeds,
    check_str,
    check_weights,
    random_generator,
    warn_user,
)

_MAX_SAMPLES = 10**8
_NOTHING_TO_PREDICT = "X must hold at least one character to predict. Got padding only."


class Constraints(TypedDict, total=False):
    """The parameters of `sample` that decide its distribution."""

    label: object
    min_length: int
    max_length: int | None
    top_k: int | None
    top_p: float | None
    pattern: str | re.Pattern[str] | None
    banned: Iterable[str]


class SampleOptions(Constraints, total=False):
    """The keyword-only parameters of `sample`."""

    unique: bool
    novel: bool
    exclude: object
    on_shortfall: Literal["raise", "warn"]
    random_state: Any


def _may_have_labels(generator: Any) -> bool:
    if hasattr(generator, "alphabet_") and not hasattr(generator, "classes_"):
        raise AttributeError("It needs labels to learn from: fit(X, y). None were learned.")
    return True


@dataclass(frozen=True)
class Fitted:
    """What a fitted generator consists of.

    Attributes
    ----------
    corpus : Corpus
    model : NextCharModel
    cache : Cache
        Of constraints, lookaheads and n-grams.
    """

    corpus: Corpus
    model: NextCharModel
    cache: Cache = field(default_factory=Cache)

    def sampler(
        self,
        prefixes: list[str],
        temperature: float,
        *,
        label: object = None,
        top_k: int | None = None,
        top_p: float | None = None,
        **limits: Any,
    ) -> Sampler:
        """Return what writes names as the parameters of `sample` say, once they are checked."""
        decoding, corpus = check_decoding(temperature, top_k, top_p), self.corpus
        prefixes = corpus.alphabet.composed(prefixes)
        corpus.alphabet.check_prefixes(prefixes)
        longest = corpus.max_length_
        constraint = make_constraint(corpus.alphabet, longest, prefixes, self.cache, **limits)
        model, labels, proba_of_labels = self.labelled(label, prefixes)
        key = tuple(labels.tolist()), model is self.model or repr(label)
        context = prefixes, labels, proba_of_labels, decoding, constraint, self.cache, key
        return Sampler(model, corpus, *context)

    def filters(self, novel: object, exclude: object) -> Filters:
        """Return which names must not be written, once the parameters are checked."""
        filters: Filters = {}
        if check_option("novel", novel):
            if self.corpus.name_hashes_ is None:
                raise ValueError(
                    "novel=True needs a generator fitted to names (boundary=True) that has kept "
                    "their hashes. Got one without."
                )
            filters["stood in the training list"] = self.corpus.contains
        if exclude is not None:
            is_excluded = check_exclude(exclude)

            def excluded(names: list[str]) -> NDArray[np.bool_]:
                matches = {name for name in set(names) if is_excluded(fold(name))}
                return np.fromiter((name in matches for name in names), bool, len(names))

            filters["were excluded"] = excluded
        return filters

    def score(
        self, sequences: Sequences, labels: NDArray[np.integer[Any]]
    ) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Return the log-likelihood of each name with its label, and its number of characters.

        The sequences are of code points. Unknown characters count as `score_samples` says.
        """
        indexed, n_names = sequences.indexed(self.corpus.alphabet), len(labels)
        n_characters, n_known = (
            np.bincount(sequences.name_index, of.has_target.sum(1), minlength=n_names)
            for of in (sequences, indexed)
        )
        if not n_characters.any():
            raise ValueError(_NOTHING_TO_PREDICT)
        labelled = indexed._replace(labels=labels[sequences.name_index].astype(np.int32))
        scores = log_likelihood(self.model, labelled, n_names)
        scores -= (n_characters - n_known) * np.log(self.corpus.n_characters_seen + 1)
        return scores, n_characters

    def labelled(
        self, label: object, prefixes: list[str]
    ) -> tuple[NextCharModel, NDArray[np.int64], NDArray[np.float64]]:
        """Return a model, the labels that names may have, [-1] for none, and their distributions.

        The latter have the shape (n_prefixes, n_labels).
        """
        labels, certain = self.corpus.labels, np.ones((len(prefixes), 1))
        if isinstance(label, Mapping) and labels:
            weights = check_blend(label)
            blend = [Component(self.model, w, self._label_index(of)) for of, w in weights.items()]
            if len(blend) > 1:
                return Mixture(blend), np.array([NONE]), certain
            (label,) = weights
        if label is None and len(labels) > 1:
            proba = label_proba(self.model, self.corpus, prefixes)
            return self.model, np.arange(len(labels)), proba
        index = 0 if labels else NONE
        if label is not None:
            index = self._label_index(label)
        return self.model, np.array([index]), certain

    def _label_index(self, label: object) -> int:
        labels = self.corpus.labels
        if not labels:
            raise ValueError(
                f"label needs a model that has learned with labels: fit(X, y). Got {label!r}."
            )
        places = [i for i, known in enumerate(labels) if np.isscalar(label) and known == label]
        if not places:
            raise ValueError(f"label must be one of {', '.join(map(repr, labels))}. Got {label!r}.")
        return places[0]


def fitted(generator: Any) -> Fitted:
    """Return what a fitted generator consists of, for modules that are no generators."""
    check_is_fitted(generator)
    return generator._fitted


class BaseCharGenerator(StateFormat, DensityMixin, BaseEstimator):
    """Base of the generators.

    A subclass learns a `Corpus` and a `NextCharModel`, and passes both to `_assign`.
    """

    alphabet_: NDArray[np.str_]
    window_length_: int
    max_length_: int | None
    name_hashes_: NDArray[np.uint64] | None
    n_characters_seen_: int
    classes_: NDArray[Any]
    class_count_: NDArray[np.float64]
    _fitted: Fitted

    def _assign(self, corpus: Corpus, model: NextCharModel, **learned: Any) -> None:
        """Set everything that was learned in one step; labels of an earlier fit go."""
        kept = vars(self).copy()
        for name in ("classes_", "class_count_", "_corpus"):
            kept.pop(name, None)
        self.__dict__ = kept | corpus.attributes() | learned | {"_fitted": Fitted(corpus, model)}

    def _copy(self) -> Self:
        """Return a generator with the same attributes, the very objects."""
        other = type(self).__new__(type(self))
        other.__dict__.update(vars(self))
        return other

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if fitted := state.pop("_fitted", None):
            state["_corpus"] = fitted.corpus.to_state()
        return state

    def forget_names(self) -> Self:
        """Drop the hashes of the training names.

        ``novel=True`` is refused then. What the model itself has learned stays: the counts of a
        `CharNGramGenerator` give away all of its names, and the weights of a network may give away
        some. So does a generator that was given as `init` and is saved with this one.

        Returns
        -------
        self : object
        """
        check_is_fitted(self)
        corpus = replace(self._fitted.corpus, name_hashes_=None)
        self._fitted, self.name_hashes_ = replace(self._fitted, corpus=corpus), None
        return self

    def next_char_proba(
        self, seeds: str | Iterable[str], label: object = None
    ) -> NDArray[np.float64]:
        """Compute the distribution of the character after each seed.

        Parameters
        ----------
        seeds : str or iterable of str
            Beginnings of names, "" for the first character.
        label : object or dict, default=None
            The label of the names, one of `classes_`. None: any label, each as probable as
            it is for names with this beginning. A dict of labels to weights: a blend, see
            `sample`.

        Returns
        -------
        proba : ndarray of shape (n_seeds, n_characters), dtype float64
            ``proba[i, j]`` is the probability that ``alphabet_[j]`` follows
            seed i. Rows sum to 1.

        Raises
        ------
        ValueError
            If a seed holds a character that is not in `alphabet_`, or the label is unknown.
        """
        check_is_fitted(self)
        alphabet = self._fitted.corpus.alphabet
        prefixes = alphabet.composed(check_seeds(seeds))
        alphabet.check_prefixes(prefixes)
        model, labels, proba_of_labels = self._fitted.labelled(label, prefixes)
        if not prefixes:
            return np.empty((0, len(alphabet)))
        windows = alphabet.windows(prefixes, self.window_length_)

        def mean_proba(rows: slice) -> NDArray[np.float64]:
            proba = np.exp(next_log_proba(model, windows[rows], labels))
            return np.einsum("sl,slc->sc", proba_of_labels[rows], proba)

        parts = blocks(len(prefixes), len(labels) * len(alphabet))
        return np.concatenate(parallel_map(mean_proba, zip(parts)))

    @overload
    def sample(
        self,
        seed: str = "",
        temperature: float = 1.0,
        n_samples: None = None,
        **options: Unpack[SampleOptions],
    ) -> str: ...
    @overload
    def sample(
        self,
        seed: str | Iterable[str] = "",
        temperature: float = 1.0,
        n_samples: int | None = None,
        **options: Unpack[SampleOptions],
    ) -> list[str]: ...

    def sample(
        self,
        seed: str | Iterable[str] = "",
        temperature: float = 1.0,
        n_samples: int | None = None,
        *,
        label: object = None,
        min_length: int = 1,
        max_length: int | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        pattern: str | re.Pattern[str] | None = None,
        banned: Iterable[str] = (),
        unique: bool = False,
        novel: bool = False,
        exclude: object = None,
        on_shortfall: Literal["raise", "warn"] = "raise",
        random_state: Any = None,
    ) -> str | list[str]:
        r"""Write new names.

        Parameters
        ----------
        seed : str or iterable of str, default=""
            What the names begin with. With several seeds, one name for each. An accent may be
            composed or not (NFC or NFD): the letters are those that the names were learned with.
        temperature : float, default=1.0
            Divides the logits: below 1 the names become more ordinary, above 1 more daring;
            0 always takes the most probable character.
        n_samples : int, default=None
            Number of names; None: one name, returned as a str.
        label : object or dict, default=None
            The label of the names, one of `classes_`. None: drawn for each name, as probable
            as it is for names with this seed. A dict of labels to weights > 0, such as
            ``{"Italian": 0.5, "Japanese": 0.5}``: a blend, in which each character is drawn from
            the weighted geometric mean of the labels' distributions.
        min_length, max_length : int, default=1, None
            Characters a name has at least and at most, the seed included, as people count them
            (extended grapheme clusters [3]_): a flag is one, and so is a letter with its marks.
            ``max_length=None``: as many as the longest training name. A model of running text
            (``boundary=False``), which has no ends, writes `max_length` code points; None: 100
            more than the longest seed.
        top_k : int, default=None
            Draw from the `top_k` most probable characters only.
        top_p : float, default=None
            Nucleus sampling [1]_: draw from the smallest set of most probable characters
            whose probabilities sum to at least `top_p`.
        pattern : str or re.Pattern, default=None
            A regular expression that the whole name must match, such as ``"Ma.*[ae]"`` or
            ``"(?i)[^q]*"``. Anchors inside, lookarounds and references to groups are refused.
        banned : iterable of str, default=()
            Strings that must not occur in a name, whatever their case.
        unique : bool, default=False
            Whether all names must be different.
        novel : bool, default=False
            Whether to leave out training names, which are known by 64-bit hashes. A novel name is
            new to the list, not to the world: see `exclude`.
        exclude : iterable of str, or object that answers ``in``, default=None
            Names that must not be written, compared as a whole, composed (NFC) and case-folded.
            An iterable goes by its values; another object is asked for the folded name, such as
            `sknamegen.datasets.known_names()`, which holds 450,000 names of people, towns and
            brands, and words.
        on_shortfall : {"raise", "warn"}, default="raise"
            What to do if too few names are unique, novel or not excluded: raise an error, or warn
            and return fewer.
        random_state : int, RandomState, Generator or None, default=None
            An int gives the same names each time, None new ones each time. With the same int,
            names at two temperatures or for two labels begin alike, as they share their random
            numbers: good for comparing; for variety take different ones.

        Returns
        -------
        names : str or list of str
            A str if `seed` is one and `n_samples` is None.

        Warns
        -----
        UserWarning
            If fewer names are returned, with ``on_shortfall="warn"``.

        Raises
        ------
        NotFittedError
            If the generator is not fitted.
        ValueError
            If too few names are unique, novel or not excluded: 10,000 in a row were not, or the
            last ones let expect more than a million draws, and more than thirty for each name.
            If no name can satisfy the constraint, if it is too rare for so low a temperature, or if
            a pattern is too large for an automaton.
        TypeError, ValueError
            If a parameter is out of range, the lengths contradict each other or
            the seed, or a seed holds a character that is not in `alphabet_`.

        Notes
        -----
        Names are drawn from the model's own distribution, at this seed, label, temperature,
        `top_k` and `top_p`, given that they satisfy `min_length`, `max_length`, `pattern` and
        `banned`. Where enough names satisfy the constraint, the others are drawn again. Elsewhere
        candidates are drawn with a lookahead, the probability by n-grams that a prefix can still be
        completed [2]_, and chosen in proportion to their probability over the chance to be among
        the candidates. A network learns these n-grams from 12,000 characters that it writes at this
        temperature (below 1, three in ten of them at twice that), `top_k`, `top_p` and label, and
        from 120,000 if a few candidates have nearly all of the weight. At temperature 0 the
        lookahead is weighed in, so that the name ends well too.

        Below temperature 0.25 a best-first search finds the most probable names that satisfy a rare
        constraint, until all others have a thousandth of their probability. If it stops before, the
        others are drawn with the lookahead, and none of them is more probable than that. Where the
        most probable names cannot be found, an error says so.

        Names are made of whole characters, as if a pattern asked for it: none begins with a mark,
        ends in a joiner or holds half a flag. In running text and in `pattern` each code point
        counts as a character.

        `unique`, `novel` and `exclude` work by rejection on top of that.

        References
        ----------
        .. [1] A. Holtzman et al., "The Curious Case of Neural Text Degeneration",
           ICLR 2020.
        .. [2] A. K. Lew et al., "Sequential Monte Carlo Steering of Large Language Models
           using Probabilistic Programs", 2023.
        .. [3] M. Davis and C. Chapman, "Unicode Text Segmentation", Unicode Standard Annex #29.
        """
        learned = fitted(self)
        seeds, rows = _check_seeds_and_number(seed, n_samples)
        check_option("unique", unique)
        check_option("on_shortfall", on_shortfall, ("raise", "warn"))
        filters = learned.filters(novel, exclude)
        rng = random_generator(random_state)
        sampler = learned.sampler(
            seeds,
            temperature,
            label=label,
            min_length=min_length,
            max_length=max_length,
            top_k=top_k,
            top_p=top_p,
            pattern=pattern,
            banned=banned,
        )
        names, shortfall = sampler.draw(rows, rng, unique, filters)
        if shortfall and (on_shortfall == "raise" or not names):
            raise ValueError(shortfall)
        if shortfall:
            warn_user(shortfall)
        return names[0] if n_samples is None and isinstance(seed, str) else names

    def stream(
        self,
        seed: str = "",
        temperature: float = 1.0,
        *,
        exclude: object = None,
        random_state: Any = None,
        **constraints: Unpack[Constraints],
    ) -> Iterator[str]:
        """Write one name character by character.

        Parameters
        ----------
        seed : str, default=""
            What the name begins with.
        temperature, exclude, random_state
            As in `sample`.
        **constraints
            `label`, `min_length`, `max_length`, `top_k`, `top_p`, `pattern` and `banned`, as in
            `sample`.

        Returns
        -------
        characters : iterator of str
            The characters after the seed: those of running text each as soon as it is drawn,
            those of a name, or of what must match a pattern, when it is known to fit. Joined to
            the seed they are what `sample` returns for the same arguments.

        Raises
        ------
        NotFittedError, TypeError, ValueError
            As `sample`, at the call.
        """
        check_is_fitted(self)
        check_str("seed", seed)
        filters = self._fitted.filters(False, exclude)
        sampler = self._fitted.sampler([seed], temperature, **constraints)
        return sampler.stream(random_generator(random_state), filters)

    def most_likely(
        self,
        n: int,
        seed: str = "",
        *,
        label: object = None,
        novel: bool = False,
        exclude: object = None,
        pattern: str | re.Pattern[str] | None = None,
        banned: Iterable[str] = (),
        min_length: int = 1,
        max_length: int | None = None,
    ) -> tuple[list[str], NDArray[np.float64]]:
        """Find the names of the highest probability.

        Parameters
        ----------
        n : int
            How many names.
        seed : str, default=""
            What the names begin with.
        label : object or dict, default=None
            The label of the names, one of `classes_`, or a blend of several, as in `sample`. None:
            any label, each as probable as it was frequent.
        novel, exclude, pattern, banned
            As in `sample`.
        min_length, max_length : int, default=1, None
            As in `sample`.

        Returns
        -------
        names : list of str
            The most probable one first; fewer than n if there are not that many. The
            empty name is left out.
        log_likelihood : ndarray of shape (len(names),), dtype float64
            Of each name, in nats, as `score_samples` gives it.

        Raises
        ------
        NotFittedError
            If the generator is not fitted.
        TypeError, ValueError
            If a parameter is out of range, the model learned running text, or the search would
            take longer than some seconds: it would have to look at more than 131,000 beginnings of
            names, or fewer with thousands of characters or labels.

        Notes
        -----
        Best-first search: a name is never more probable than a prefix of it, so the
        most probable prefixes are continued until none is more probable than the
        n-th name found. The result is exact.
        """
        learned = fitted(self)
        check_int("n", n, 1)
        check_str("seed", seed)
        if self.max_length_ is None:
            raise ValueError("most_likely needs a generator fitted to names (boundary=True).")
        filters = learned.filters(novel, exclude)
        limits: Any = {"min_length": min_length, "max_length": max_length, "pattern": pattern}
        sampler = learned.sampler([seed], 1.0, label=label, banned=banned, **limits)
        return sampler.most_likely(int(n), filters)

    def score_samples(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """Compute the log-likelihood of each name.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names.
        y : array-like of shape (n_names,), default=None
            The label of each name, if the model learned with labels. None: any label,
            each as probable as it was frequent.

        Returns
        -------
        log_likelihood : ndarray of shape (n_names,), dtype float64
            In nats: the sum of the log-probabilities of the characters of a
            name and of its end, given the label. An unknown character, which has no place
            in the distribution over `alphabet_`, counts as
            ``-log(n_characters_seen_ + 1)``.
        """
        return self._score(X, y)[0]

    def score(
        self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Compute the mean log-likelihood per predicted character.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names.
        y : array-like of shape (n_names,), default=None
            The label of each name, as in `score_samples`.
        sample_weight : array-like of shape (n_names,), default=None
            How often each name counts; None: once.

        Returns
        -------
        score : float
            In nats per character, the ends of names included. Higher is better;
            comparable over window lengths, models and folds.
        """
        log_likelihood, n_characters = self._score(X, y)
        if sample_weight is None:
            return float(log_likelihood.sum() / n_characters.sum())
        weights = check_weights(sample_weight, len(log_likelihood))
        if not weights @ n_characters:
            raise ValueError(_NOTHING_TO_PREDICT)
        return float(weights @ log_likelihood / (weights @ n_characters))

    def perplexity(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        """Compute the perplexity, ``exp(-score(X, y))``.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names.
        y : array-like of shape (n_names,), default=None
            The label of each name, as in `score_samples`.

        Returns
        -------
        perplexity : float
            Effective number of equally likely next characters. Lower is better; 1 is
            certainty.
        """
        return exp(-self.score(X, y))

    @available_if(_may_have_labels)
    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Compute the probability of each label for each name.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names.

        Returns
        -------
        proba : ndarray of shape (n_names, n_classes), dtype float64
            In the order of `classes_`. By Bayes' rule: in proportion to the frequency of
            the label times the probability of the name given the label.
        """
        check_is_fitted(self)
        joint, _ = self._joint_log_likelihood(X)
        joint = joint - np.logaddexp.reduce(joint, axis=1)[:, None]
        return np.exp(joint)

    @available_if(_may_have_labels)
    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Find the most probable label of each name.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names.

        Returns
        -------
        labels : ndarray of shape (n_names,)
        """
        check_is_fitted(self)
        return self.classes_[self._joint_log_likelihood(X)[0].argmax(axis=1)]

    def _score(
        self, X: Any, y: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Log-likelihood and number of predicted characters of each name."""
        check_is_fitted(self)
        corpus = self._fitted.corpus
        if y is None and corpus.labels:
            joint, n_characters = self._joint_log_likelihood(X)
            return np.logaddexp.reduce(joint, axis=1), n_characters
        return self._fitted.score(corpus.read(X)[1], corpus.label_indices(y, len(X)))

    def _joint_log_likelihood(self, X: Any) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Log-probability of each name and each label, and its number of characters."""
        _, sequences = self._fitted.corpus.read(X)
        labels = np.repeat(np.arange(len(self.classes_)), len(X)).reshape(-1, len(X))
        scored = [self._fitted.score(sequences, row) for row in labels]
        joint = np.stack([scores for scores, _ in scored], axis=1)
        return joint + self._fitted.corpus.log_prior, scored[0][1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        if hasattr(self, "classes_"):
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags()
        return tags


def _check_seeds_and_number(
    seed: object, n_samples: int | None
) -> tuple[list[str], NDArray[np.int64]]:
    """Return seeds, and the index of each name's seed."""
    seeds = check_seeds(seed)
    if n_samples is None:
        return seeds, np.arange(len(seeds))
    check_int("n_samples", n_samples, 0, high=_MAX_SAMPLES)
    if not isinstance(seed, str):
        raise ValueError(
            "n_samples must be None when seed holds several seeds: one name is written "
            f"for each. Got n_samples={n_samples}; repeat the seeds instead."
        )
    return seeds, np.zeros(n_samples, dtype=np.int64)
