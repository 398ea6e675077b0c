"""Base class for generators, with their shared methods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import exp, inf
from numbers import Integral
from typing import Any, Literal, Self, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import InputTags, Tags
from sklearn.utils.validation import check_is_fitted

from ._callback import CallbackSupportMixin
from ._data.corpus import Corpus
from ._fitted import NOTHING_TO_PREDICT, Fitted
from ._sampling.constraint import SampleRequest
from ._sampling.sampler import ADVICE, Sampler, ShortfallError
from ._sampling.search import most_likely
from ._sampling.selection import make_filters
from ._state import StateFormat
from ._text.words import is_balanced
from ._types import Data, Labels, RandomStateLike
from ._validation import (
    check_int,
    check_n_samples,
    check_option,
    check_real,
    check_seeds,
    check_weights,
    random_generator,
    warn_user,
)
from .datasets import KnownNames, known_names

# Settings of `invent`, of the command line and of web pages.
INVENT_SETTINGS = {"temperature": 0.8, "min_p": 0.05, "best_of": 60}


class ConstraintOptions(TypedDict, total=False):
    """Parameters of `sample` that determine the distribution of names."""

    label: object
    min_length: int
    max_length: int | None
    top_k: int | None
    top_p: float | None
    min_p: float | None
    pattern: str | re.Pattern[str] | None
    banned: Iterable[str]
    words: Iterable[str] | None
    min_words: int | None
    max_words: int | None


class SampleOptions(ConstraintOptions, total=False):
    """Keyword-only parameters of `sample`."""

    unique: bool
    novel: bool
    exclude: object
    best_of: int
    diversity_penalty: float
    on_shortfall: Literal["raise", "warn"]
    random_state: RandomStateLike


def fitted(estimator: object) -> Fitted:
    """Return the fitted components of the generator in an estimator, see `generator_of`."""
    generator = generator_of(estimator)
    check_is_fitted(generator)
    return generator._fitted


def generator_of(estimator: object) -> BaseCharGenerator:
    """Return the generator, or the last step of a pipeline, fitted search or `FrozenEstimator`."""
    generator = unwrapped(estimator)[-1]
    if isinstance(generator, BaseCharGenerator):
        return generator
    raise TypeError(
        "generator must be a fitted generator, or a pipeline, a fitted search or a FrozenEstimator "
        f"that ends with one. Got a {type(generator).__name__}."
    )


def unwrapped(estimator: object) -> list[Any]:
    """Return the steps of an estimator, of which searches and `FrozenEstimator` are containers."""
    if hasattr(estimator, "best_estimator_"):
        return unwrapped(estimator.best_estimator_)
    if isinstance(estimator, FrozenEstimator):
        return unwrapped(estimator.estimator)
    if isinstance(estimator, Pipeline) and estimator.steps:
        return [*(step for _, step in estimator.steps[:-1]), *unwrapped(estimator.steps[-1][1])]
    return [estimator]


class BaseCharGenerator(StateFormat, CallbackSupportMixin, DensityMixin, BaseEstimator):
    """Base class for all generators.

    `CharLSTMGenerator` and `CharNGramGenerator` inherit the following attributes and methods.

    Attributes
    ----------
    alphabet_ : ndarray of shape (n_characters,), dtype str
        All characters that the model can generate, sorted by code point. They include U+0003, the
        end of a name, unless the model was fitted to running text.
    window_length_ : int
        Number of context characters in a window.
    min_length_ : int or None
        Number of characters in the shortest training name. None for running text.
    max_length_ : int or None
        Number of characters in the longest training name. None for running text.
    name_hashes_ : ndarray of shape (n_distinct_names,), dtype uint64, or None
        Hashes of the training names in lower case, for ``novel=True``, and of the similar names of
        a `CharLSTMGenerator`. None for running text and after `forget_names`.
    n_characters_seen_ : int
        Number of predicted characters in the training data. With `sample_weight`, the sum of the
        weights of their names, rounded.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels. Only available after fitting with labels.
    class_count_ : ndarray of shape (n_classes,), dtype float64
        Sum of the weights of the training names with each label, or their number. Only available
        after fitting with labels.
    """

    alphabet_: NDArray[np.str_]
    window_length_: int
    min_length_: int | None
    max_length_: int | None
    name_hashes_: NDArray[np.uint64] | None
    n_characters_seen_: int
    classes_: Labels
    class_count_: NDArray[np.float64]
    _fitted: Fitted

    def _assign(self, fitted: Fitted, **attributes: object) -> Self:
        """Set all fitted attributes in one step. Labels from an earlier fit are removed."""
        outdated = "classes_", "class_count_"
        state = {name: value for name, value in vars(self).items() if name not in outdated}
        self.__dict__ = state | fitted.corpus.attributes() | attributes | {"_fitted": fitted}
        return self

    def _copy(self) -> Self:
        """Return a shallow copy of the generator."""
        other = type(self).__new__(type(self))
        other.__dict__.update(vars(self))
        return other

    def __getstate__(self) -> Data:
        state = super().__getstate__()
        if "_fitted" in state:
            state["_fitted"] = state["_fitted"].to_state()
        return state

    def __setstate__(self, state: Data) -> None:
        super().__setstate__(state)
        if "_fitted" in state:
            self._assign(Fitted.from_state(state))

    def forget_names(self) -> Self:
        """Delete the hashes of the training names, and their words.

        Afterwards, ``novel=True`` raises an error, and `invent` uses words only if they are passed.
        The model itself does not change. N-gram counts reveal all training names. They are part of
        a `CharNGramGenerator`, and of a `CharLSTMGenerator` if its attribute `has_ngram_counts_` is
        True. The weights of a network may reveal some training names. The similar names, in
        `similar_names_` and `similar`, and a generator passed as `init`, with its hashes, words and
        counts, are saved with this generator.

        Returns
        -------
        self : object
        """
        components = fitted(self)
        return self._assign(replace(components, corpus=components.corpus.without_hashes()))

    def next_char_proba(
        self, seeds: str | Iterable[str], label: object = None
    ) -> NDArray[np.float64]:
        """Return the distribution of the character after each seed.

        Parameters
        ----------
        seeds : str or iterable of str
            Beginnings of names. Use "" for the first character of a name.
        label : object or dict, default=None
            Label of the names, one of `classes_`. If None, average over all labels, weighted by
            their probability given the seed (in running text, by their frequency). A dict from
            labels to weights is a blend, see `sample`.

        Returns
        -------
        proba : ndarray of shape (n_seeds, n_characters), dtype float64
            ``proba[i, j]`` is the probability that ``alphabet_[j]`` follows seed i. Rows sum to 1.

        Raises
        ------
        ValueError
            If a seed contains a character outside `alphabet_`, or the label is unknown.
        """
        return fitted(self).next_char_proba(check_seeds(seeds, "seeds"), label)

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
        min_p: float | None = None,
        pattern: str | re.Pattern[str] | None = None,
        banned: Iterable[str] = (),
        words: Iterable[str] | None = None,
        min_words: int | None = None,
        max_words: int | None = None,
        unique: bool = False,
        novel: bool = False,
        exclude: object = None,
        best_of: int = 1,
        diversity_penalty: float = 1.0,
        on_shortfall: Literal["raise", "warn"] = "raise",
        random_state: RandomStateLike = None,
    ) -> str | list[str]:
        r"""Generate names.

        Parameters
        ----------
        seed : str or iterable of str, default=""
            Beginning of the names. With several seeds, generate one name for each seed. Accents may
            be composed (NFC) or decomposed (NFD), and are converted to the form in the training
            names. Running text begins like one of the training texts, or with the seed.
        temperature : float, default=1.0
            Divisor of the logits. Values below 1 give more typical names, values above 1 more
            varied names. 0 always selects the most probable character.
        n_samples : int, default=None
            Number of names. If None, generate one name for each seed. With several seeds, it must
            be None.
        label : object or dict, default=None
            Label of the names, one of `classes_`. If None, draw a label for each name with its
            probability given the seed. A dict from labels to weights > 0, such as
            ``{"Italian": 0.5, "Japanese": 0.5}``, is a blend: each character is drawn from the
            weighted geometric mean of the labels' distributions.
        min_length, max_length : int, default=1, None
            Minimum and maximum number of characters in a name, including the seed. Characters are
            extended grapheme clusters [3]_: a flag is one character, and so is a letter with its
            marks. ``max_length=None`` uses the length of the longest training name. For running
            text (``boundary=False``), `max_length` is the exact length in code points, and None
            adds 100 to the length of the longest seed.
        top_k : int, default=None
            If set, draw only from the `top_k` most probable characters.
        top_p : float, default=None
            If set, draw from the smallest set of most probable characters whose probabilities sum
            to at least `top_p` (nucleus sampling [1]_).
        min_p : float, default=None
            If set, draw only characters with at least this fraction of the probability of the most
            probable character, after the temperature and `top_p` [4]_.
        pattern : str or re.Pattern, default=None
            Regular expression that the whole name must match, such as ``"Ma.*[ae]"`` or
            ``"(?i)[^q]*"``. Anchors inside the pattern, lookarounds, backreferences, atomic groups
            and possessive quantifiers raise an error.
        banned : iterable of str, default=()
            Strings that must not occur in a name, regardless of case.
        words : iterable of str, default=None
            If set, each name has at least one word, and all its words are words of these strings,
            regardless of case. A word consists of letters with their marks, and of apostrophes
            between letters. All other characters separate words, and an apostrophe may do so too.
            In scripts without spaces, such as Thai and Chinese, a run of letters is one word. No
            word occurs twice in a name, unless a training name repeats a word. See
            `sknamegen.load_words` for English words.
        min_words, max_words : int, default=None
            If set, minimum and maximum number of words in a name, counted as in
            `sknamegen.datasets.words_of`.
        unique : bool, default=False
            Whether all names must be different.
        novel : bool, default=False
            Whether to exclude training names, regardless of case. They are stored as 64-bit hashes.
            The letter ß differs from "ss".
            A novel name may still exist outside the list, see `exclude`.
        exclude : iterable of str, or object that supports ``in``, default=None
            Names that must not be generated. Whole names are compared after stripping, composition
            (NFC) and case folding. An iterable is read as a set of names. Any other object must
            support ``name in exclude`` for the folded name, like
            `sknamegen.known_names()`, a set of 450,000 words and names of people, towns
            and brands.
        best_of : int, default=1
            Number of candidates for each name. Typical names that differ from each other are chosen
            among all candidates, see Notes.
        diversity_penalty : float, default=1.0
            Weight of the likeness to names chosen before, at least 0. With 0, the most typical
            candidates are chosen, however alike. Without effect if `best_of` is 1.
        on_shortfall : {"raise", "warn"}, default="raise"
            Action if too few names satisfy the constraint and are unique, novel and not excluded:
            raise an error, or warn and return fewer names. If there are none, an error is always
            raised.
        random_state : int, RandomState, Generator or None, default=None
            With an int, each call returns the same names. With None, each call returns different
            names. With the same int, names at two temperatures or for two labels begin alike,
            because they share random numbers, which is useful for comparisons. For variety, use
            different ints.

        Returns
        -------
        names : str or list of str
            A str if `seed` is a str and `n_samples` is None, otherwise a list.

        Warns
        -----
        UserWarning
            If ``on_shortfall="warn"`` and fewer names are returned.

        Raises
        ------
        NotFittedError
            If the generator is not fitted.
        ValueError
            If too few names are unique, novel or not excluded: 10,000 consecutive draws were
            rejected, or the expected number of draws exceeds both one million and thirty per name.
            If no name can satisfy the constraint, if such names are too rare to sample them
            correctly, or if the automaton for the pattern or the words is too large.
        TypeError, ValueError
            If a parameter is out of range, the lengths contradict each other or the seed, or a seed
            contains a character outside `alphabet_`.

        Notes
        -----
        Names follow the model's distribution for the seed, label, temperature, `top_k`, `top_p` and
        `min_p`, conditioned on `min_length`, `max_length`, `pattern`, `banned`, `words`,
        `min_words` and `max_words`. If many names satisfy the constraint, the sampler rejects the
        others and draws again. If few names do, there are two kinds of candidates. A best-first
        search finds the most probable names, with their exact probabilities. All other names are
        drawn with a lookahead: the probability, estimated with n-grams, that a prefix can still be
        completed [2]_. They represent the names that were not found, by their importance weight,
        the ratio of the model's probability to the probability under the proposal.

        For all but n-gram models without labels, the sampler estimates these n-grams from about
        8,000 characters that the model generates freely, from prefixes that the search explores,
        and from names drawn in earlier rounds. It stops when two consecutive rounds agree on the
        probability of the constraint, each with a small error. This takes about a second for most
        constraints. If no round is good enough, `sample` draws freely again, and raises an error if
        no name qualifies. Names of a call are independent draws, and with `unique` draws without
        replacement. Later calls with the same
        constraint, temperature and seed use the result again. Several seeds share it if possible.
        At temperature 0, the lookahead helps to choose each character if the unconstrained name
        violates the constraint.

        Names consist of whole characters: no name begins with a combining mark, ends with a joiner
        or contains half a flag. In running text and in `pattern`, each code point is a character.

        `unique`, `novel`, `exclude`, and that no word is repeated, are applied by rejection.

        With ``best_of=k``, names are more typical, and no longer follow the model's distribution.
        The score of a candidate is the mean log-probability of its characters after the seed,
        including the end of the name, at temperature 1, for the label if it is given [5]_. It is
        standardised over the candidates with the same seed and label. The names are chosen one
        after another. Each is the candidate with the highest value::

            score - diversity_penalty * (3 * likeness + 2 * excess)

        The likeness to the nearest name chosen before is the cosine of the sets of n-grams of one
        to three characters, or 0.9 times the share of the first four characters that are a common
        beginning, if that is greater (maximal marginal relevance [6]_). The excess is a sum over
        the words of a name of several words, of log((c + 1) / (1 + s (n + 1))) if that is positive:
        c of the n names chosen before contain the word, and a share s of the training names, or 0
        if fewer than two do. With ``label=None``, each name keeps the label that was drawn for it.
        No name is chosen twice unless there is no other. Names are returned in the order of choice.
        Beyond 1,000 names, they are chosen in blocks of 1,000.

        As with `words`, candidates that repeat a word are rejected. With ``unique=True``, all
        candidates of the call are different. The method draws at most 2 k candidates per name, so
        names of which many are rejected have fewer candidates.

        References
        ----------
        .. [1] A. Holtzman et al., "The Curious Case of Neural Text Degeneration",
           ICLR 2020.
        .. [2] A. K. Lew et al., "Sequential Monte Carlo Steering of Large Language Models
           using Probabilistic Programs", 2023.
        .. [3] M. Davis and C. Chapman, "Unicode Text Segmentation", Unicode Standard Annex #29.
        .. [4] M. Nguyen et al., "Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM
           Outputs", ICLR 2025.
        .. [5] `best_of` in the completions API of OpenAI, 2020.
        .. [6] J. Carbonell and J. Goldstein, "The Use of MMR, Diversity-Based Reranking for
           Reordering Documents and Producing Summaries", SIGIR 1998.
        """
        components = fitted(self)
        seeds, rows = _check_seeds(seed, n_samples)
        check_option("unique", unique)
        check_option("on_shortfall", on_shortfall, ("raise", "warn"))
        best_of = self._check_best_of(best_of, len(rows))
        expected = "a finite number >= 0"
        check_real("diversity_penalty", diversity_penalty, expected, lambda d: 0 <= d < inf)
        filters = make_filters(components.corpus, novel, exclude, words is not None or best_of > 1)
        rng = random_generator(random_state)
        request = SampleRequest(
            label,
            min_length,
            max_length,
            pattern,
            banned,
            words,
            min_words,
            max_words,
            min_p,
            top_k,
            top_p,
        )
        sampler = Sampler(components.names(seeds, temperature, request), filters)
        names, reason = sampler.draw(rows, rng, unique, best_of, diversity_penalty)
        if reason:
            _report_shortfall(ShortfallError(names, len(rows), reason), on_shortfall)
        return names[0] if n_samples is None and isinstance(seed, str) else names

    def invent(
        self,
        n_samples: int = 10,
        *,
        seed: str | Iterable[str] = "",
        label: object = None,
        exclude: object = (),
        near: Iterable[str] = (),
        known: bool = False,
        random_state: RandomStateLike = None,
        **options: Any,
    ) -> list[str]:
        """Generate typical, new and different names, for people who read them.

        This is `sample` with the settings that readers prefer: ``temperature=0.8``,
        ``min_p=0.05``, ``best_of=60``, ``diversity_penalty=1``, ``unique=True``, ``novel=True``,
        the length of the shortest training name as `min_length`, and without `known_names`. If most
        training names consist of several English words, the settings also include their words and
        words like them (see `sknamegen.words_like`) as `words`, and the 5th and the 95th percentile
        of the numbers of words as `min_words` and `max_words`. No name has unbalanced brackets or
        quotes unless a training name has.

        Parameters
        ----------
        n_samples : int, default=10
            Number of names. Ignored for several seeds.
        seed : str or iterable of str, default=""
            Beginning of the names. With several seeds, generate one name for each seed.
        label : object or dict, default=None
            As in `sample`.
        near : iterable of str, default=()
            The training names, or other names. Near-copies of them are excluded, see
            `sknamegen.known_names`. A generator contains only hashes of its training names, so it
            cannot recognise near-copies.
        known : bool, default=False
            Whether names may be known names, see `sknamegen.known_names`. Training names are
            excluded unless ``novel=False``.
        exclude : iterable of str, or object that supports ``in``, default=()
            Names to exclude in addition to known names and near-copies.
        random_state : int, RandomState, Generator or None, default=None
            As in `sample`.
        **options
            Other parameters of `sample`. They replace the settings above. With ``words=None``,
            names may contain any words.

        Returns
        -------
        names : list of str
            Each name fits those before it, so the first names are the most typical.

        Warns
        -----
        UserWarning
            If too few names are typical. The last names are then generated without `min_p`,
            `min_length`, `near` and the words above. Also if training names cannot be excluded,
            after `forget_names`.

        Raises
        ------
        ValueError
            If the generator is fitted to running text, or as in `sample`. If still too few names
            qualify, `on_shortfall` decides.

        Examples
        --------
        >>> from sknamegen import CharNGramGenerator, load_names
        >>> names = load_names("planets")
        >>> generator = CharNGramGenerator().fit(names)
        >>> generator.invent(4, near=names, random_state=0)
        ['Pellannis', 'Quorrimar', 'Kalveth', 'Hyvane']
        """
        corpus = fitted(self).corpus
        if corpus.is_text:
            raise ValueError("invent requires names (boundary=True). For running text, use sample.")
        on_shortfall = options.pop("on_shortfall", "raise")
        check_option("on_shortfall", on_shortfall, ("raise", "warn"))
        given: Data = options | {"seed": seed, "near": near, "exclude": exclude}
        # Names are drawn twice, and iterators can be read only once.
        given = {key: [*x] if isinstance(x, Iterator) else x for key, x in given.items()}
        seed, near, exclude = map(given.pop, ("seed", "near", "exclude"))
        exclude = KnownNames() | exclude
        if corpus.is_balanced:
            exclude |= _Unbalanced()
        excluded = KnownNames if check_option("known", known) else known_names
        n = check_n_samples(n_samples) if isinstance(seed, str) else None
        rest: Data = {
            **INVENT_SETTINGS,
            "min_p": None,
            "unique": True,
            "novel": corpus.name_hashes_ is not None,
            "exclude": excluded() | exclude,
            "label": label,
            "random_state": random_generator(random_state),
        }
        typical = _typical_options(corpus, given) | {"exclude": excluded(near=near) | exclude}
        if not rest["novel"] | ("novel" in given):
            warn_user("Training names are not excluded: the generator has forgotten them.")
        try:
            return self.sample(seed, n_samples=n, **rest | typical | given)
        except ValueError as error:  # no name is typical, or the next call raises the same error
            names = [] if n is None else getattr(error, "names", [])
        if n is not None and given.get("unique", True):
            rest["exclude"] |= names
        try:
            more = self.sample(seed, n_samples=n and n - len(names), **rest | given)
        except ShortfallError as error:
            n_wanted = len([*seed]) if n is None else n
            shortfall = ShortfallError([*names, *error.names], n_wanted, error.reason)
            _report_shortfall(shortfall, on_shortfall)
            return shortfall.names
        if more:
            warn_user(f"Too few names are typical: the last {len(more):,} are less so.")
        return [*names, *more]

    def stream(
        self,
        seed: str = "",
        temperature: float = 1.0,
        *,
        exclude: object = None,
        best_of: int = 1,
        random_state: RandomStateLike = None,
        **constraints: Unpack[ConstraintOptions],
    ) -> Iterator[str]:
        """Generate one name, character by character.

        Parameters
        ----------
        seed : str, default=""
            Beginning of the name.
        temperature, exclude, best_of, random_state
            As in `sample`.
        **constraints
            `label`, `min_length`, `max_length`, `top_k`, `top_p`, `min_p`, `pattern`, `banned`,
            `words`, `min_words` and `max_words`, as in `sample`.

        Returns
        -------
        characters : iterator of str
            Characters after the seed. In running text without `pattern`, `banned`, `words`,
            `min_words`, `max_words` and `exclude`, the iterator yields each character as soon as it
            is drawn. Otherwise, it yields the characters after the whole name is drawn. The seed
            followed by the characters equals the result of `sample` with the same arguments.

        Raises
        ------
        NotFittedError, TypeError, ValueError
            As in `sample`. Invalid arguments raise an error immediately, not at the first
            character.
        """
        components = fitted(self)
        best_of = self._check_best_of(best_of)
        request = SampleRequest(**constraints)
        distinct_words = request.words is not None or best_of > 1
        filters = make_filters(components.corpus, False, exclude, distinct_words)
        sampler = Sampler(components.names([seed], temperature, request), filters)
        return sampler.stream(random_generator(random_state), best_of)

    def _check_best_of(self, best_of: int, n_samples: int = 1) -> int:
        """Return the number of candidates for each name."""
        check_n_samples(n_samples, best_of)
        if best_of > 1 and self._fitted.corpus.is_text:
            raise ValueError("best_of requires a generator fitted to names (boundary=True).")
        return best_of

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
        words: Iterable[str] | None = None,
        min_words: int | None = None,
        max_words: int | None = None,
        min_length: int = 1,
        max_length: int | None = None,
        min_p: float | None = None,
    ) -> tuple[list[str], NDArray[np.float64]]:
        """Find the most probable names.

        Parameters
        ----------
        n : int
            Number of names.
        seed : str, default=""
            Beginning of the names.
        label : object or dict, default=None
            Label of the names, one of `classes_`, or a blend of several labels, as in `sample`. If
            None, marginalise over the labels, with their training frequencies as the prior.
        novel, exclude, pattern, banned, words, min_words, max_words
            As in `sample`.
        min_length, max_length : int, default=1, None
            As in `sample`.
        min_p : float, default=None
            As in `sample`, for the characters after the seed.

        Returns
        -------
        names : list of str
            Names in order of decreasing probability, without the empty name. The list is shorter
            than n if fewer names exist.
        log_likelihood : ndarray of shape (len(names),), dtype float64
            Log-likelihood of each name in nats. Without `min_p`, `score_samples` returns the same,
            unless the name contains a character that no training name contains.

        Raises
        ------
        NotFittedError
            If the generator is not fitted.
        TypeError, ValueError
            If a parameter is out of range, the model was fitted to running text, or the search
            would take longer than a few seconds. The limit is 131,000 prefixes. It is lower if the
            number of characters, multiplied by that of labels if `label` is None, exceeds 2,048.

        Notes
        -----
        The method uses best-first search. A name is never more probable than its prefixes, so the
        search extends the most probable prefixes until none of them is more probable than the n-th
        name. The result is exact.
        """
        components = fitted(self)
        n = check_int("n", n, 1)
        if components.corpus.is_text:
            raise ValueError("most_likely requires a generator fitted to names (boundary=True).")
        filters = make_filters(components.corpus, novel, exclude, words is not None)
        request = SampleRequest(
            label, min_length, max_length, pattern, banned, words, min_words, max_words, min_p
        )
        names = components.names([seed], 1.0, request)
        return most_likely(names.source, names.possible, filters, n)

    def score_samples(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """Compute the log-likelihood of each name.

        Parameters
        ----------
        X : iterable of str, or ndarray of shape (n_names, n_positions, window_length + 1)
            Names, or their windows from `CharSequenceVectorizer`.
        y : array-like of shape (n_names,), default=None
            Label of each name, if the generator was fitted with labels. If None, marginalise over
            the labels, with their training frequencies as the prior.

        Returns
        -------
        log_likelihood : ndarray of shape (n_names,), dtype float64
            Log-likelihood in nats: the sum of the log-probabilities of all characters in a name and
            of its end, given the label. Characters that no training name contains contribute
            ``-log(n_characters_seen_ + 1)`` each, also if they are in `alphabet_`.

        Raises
        ------
        NotFittedError
            If the generator is not fitted.
        TypeError, ValueError
            If X contains neither names nor windows of the fitted length, or a label is unknown.
        """
        joint, _ = fitted(self).joint_log_likelihood(X, y)
        return np.logaddexp.reduce(joint, axis=1)

    def score(
        self, X: ArrayLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Compute the mean log-likelihood per predicted character.

        Parameters
        ----------
        X : iterable of str, or ndarray of shape (n_names, n_positions, window_length + 1)
            Names, or their windows from `CharSequenceVectorizer`.
        y : array-like of shape (n_names,), default=None
            Label of each name, as in `score_samples`.
        sample_weight : array-like of shape (n_names,), default=None
            Weight of each name. If None, all names have weight 1.

        Returns
        -------
        score : float
            Mean log-likelihood in nats per character, including the ends of names. Higher is
            better. Scores are comparable across window lengths, models and folds.

        Raises
        ------
        NotFittedError, TypeError, ValueError
            As in `score_samples`. Also if there is nothing to predict, or `sample_weight` is not
            one number of at least 0 per name.
        """
        joint, n_characters = fitted(self).joint_log_likelihood(X, y)
        log_likelihood = np.logaddexp.reduce(joint, axis=1)
        if sample_weight is None:
            return float(log_likelihood.sum() / n_characters.sum())
        weights = check_weights(sample_weight, len(joint))
        if not weights @ n_characters:
            raise ValueError(NOTHING_TO_PREDICT)
        return float(weights @ log_likelihood / (weights @ n_characters))

    def perplexity(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        """Compute the perplexity, ``exp(-score(X, y))``.

        Parameters
        ----------
        X : iterable of str, or ndarray of shape (n_names, n_positions, window_length + 1)
            Names, or their windows from `CharSequenceVectorizer`.
        y : array-like of shape (n_names,), default=None
            Label of each name, as in `score_samples`.

        Returns
        -------
        perplexity : float
            Effective number of equally likely next characters. Lower is better. The minimum is 1.

        Raises
        ------
        NotFittedError, TypeError, ValueError
            As in `score`.
        """
        return exp(-self.score(X, y))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = InputTags(string=True, two_d_array=False, three_d_array=True)
        return tags


class _Unbalanced:
    """Container of all names with unbalanced brackets or quotes."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and not is_balanced(name)


def _typical_options(corpus: Corpus, given: Data) -> Data:
    """Return the parameters of `sample` in which typical names differ from others in `invent`."""
    limit, shortest = given.get("max_length"), corpus.min_length_ or 1
    length = min(shortest, limit if isinstance(limit, Integral) else inf)
    options: Data = {"min_p": INVENT_SETTINGS["min_p"], "min_length": length}
    if len(corpus.usual_words) and "words" not in given:
        options["words"] = corpus.usual_words
        if not given.keys() & {"min_words", "max_words"}:
            options["min_words"], options["max_words"] = corpus.usual_n_words
    return options


def _report_shortfall(shortfall: ShortfallError, action: str) -> None:
    """Raise the error, or warn if there are names and the action is "warn"."""
    if action == "raise" or not shortfall.names:
        raise shortfall
    warn_user(shortfall.message + ADVICE)


def _check_seeds(seed: object, n_samples: int | None) -> tuple[list[str], NDArray[np.int64]]:
    """Return the distinct seeds, and the seed index of each name."""
    hint = f" For {seed} names, pass n_samples={seed}." if type(seed) is int else ""
    hint += " For reproducible random numbers, pass random_state."
    seeds = check_seeds(seed, "seed", hint)
    if n_samples is None:
        distinct = {text: index for index, text in enumerate(dict.fromkeys(seeds))}
        return list(distinct), np.array([distinct[text] for text in seeds], dtype=np.int64)
    check_n_samples(n_samples)
    if not isinstance(seed, str):
        raise ValueError(
            "n_samples must be None for several seeds, because each seed gives one name. Got "
            f"n_samples={n_samples}. To generate more names, repeat the seeds."
        )
    return seeds, np.zeros(n_samples, dtype=np.int64)
