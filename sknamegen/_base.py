"""What both generators share: `sample`, `stream`, `most_likely`, `next_char_proba`."""

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, Unpack, overload

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ._codepoints import Alphabet
from ._sampling.model import NextCharModel, next_log_proba
from ._sampling.rules import SampleOptions, Wishes, check_rules
from ._sampling.sampler import Sampler, label_proba
from ._sampling.search import most_probable
from ._sampling.wish import MakeGuide, Wish
from ._scoring import CharacterScorer
from ._sequences import NONE
from ._threads import own_torch
from ._validation import (
    check_int,
    check_option,
    check_seeds,
    check_str,
    random_generator,
)

_MAX_SAMPLES = 10**8
_MAX_WISHES = 16  # kept ready


class BaseCharGenerator(CharacterScorer):
    """Base of the generators.

    A subclass learns in `fit`, after `_learn_characters`, and sets `_model`.
    """

    _model: NextCharModel
    _guide: MakeGuide
    _wishes: dict[Any, Wish]

    @own_torch()
    def next_char_proba(
        self, seeds: str | Iterable[str], label: object = None
    ) -> NDArray[np.float64]:
        """Compute the distribution of the character after each seed.

        Parameters
        ----------
        seeds : str or iterable of str
            Beginnings of names, "" for the first character.
        label : object, default=None
            The label of the names, one of `classes_`. None: any label, each as probable as
            it is for names with this beginning.

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
        beginnings = check_seeds(seeds)
        alphabet = Alphabet(self.alphabet_)
        labels, label_proba = self._label_distribution(label, beginnings, alphabet)
        if not beginnings:
            return np.empty((0, len(self.alphabet_)))
        windows = alphabet.windows(beginnings, self.window_length_)
        proba = np.exp(next_log_proba(self._model, windows, labels))
        return np.einsum("sl,slc->sc", label_proba, proba)

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

    @own_torch()
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
        on_shortfall: Literal["raise", "warn"] = "raise",
        random_state: Any = None,
    ) -> str | list[str]:
        r"""Write new names.

        Parameters
        ----------
        seed : str or iterable of str, default=""
            What the names begin with. With several seeds, one name for each.
        temperature : float, default=1.0
            Divides the logits: below 1 the names become more ordinary, above 1 more daring;
            0 always takes the most probable character.
        n_samples : int, default=None
            Number of names; None: one name, returned as a str.
        label : object, default=None
            The label of the names, one of `classes_`. None: drawn for each name, as probable
            as it is for names with this seed.
        min_length, max_length : int, default=1, None
            Characters a name has at least and at most, the seed included. ``max_length=None``:
            as many as the longest training name. A model of running text
            (``boundary=False``), which has no ends, writes `max_length` characters; None: 100
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
            Whether to leave out training names, which are known by 64-bit hashes.
        on_shortfall : {"raise", "warn"}, default="raise"
            What to do if too few names are unique or novel: raise an error, or warn and
            return fewer.
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
            If too few names are unique or novel: 10,000 in a row were not, or more than 1,000
            for each one wanted. If no name can fit what is asked, or a pattern is too large for
            an automaton of 2,000 states.
        TypeError, ValueError
            If a parameter is out of range, the lengths contradict each other or
            the seed, or a seed holds a character that is not in `alphabet_`.

        Notes
        -----
        Names are drawn from the model's own distribution, at this seed, label, temperature,
        `top_k` and `top_p`, given that they fit `min_length`, `max_length`, `pattern` and
        `banned`. Where most names fit, by drawing again; elsewhere by importance sampling with
        an n-gram guide that knows how probable it is that a name can still be finished as asked
        [2]_. At temperature 0 the guide is weighed in, so that the name ends well too.

        `unique` and `novel` work by rejection on top of that.

        References
        ----------
        .. [1] A. Holtzman et al., "The Curious Case of Neural Text Degeneration",
           ICLR 2020.
        .. [2] A. K. Lew et al., "Sequential Monte Carlo Steering of Large Language Models
           using Probabilistic Programs", 2023.
        """
        check_is_fitted(self)
        seeds, rows = _check_seeds_and_number(seed, n_samples)
        check_option("unique", unique)
        check_option("novel", novel)
        check_option("on_shortfall", on_shortfall, ("raise", "warn"))
        if novel and self.name_hashes_ is None:
            raise ValueError("novel=True needs a generator fitted to names (boundary=True).")
        rng = random_generator(random_state)
        sampler = self._sampler(
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
        unwanted: dict[str, Callable[[list[str]], NDArray[np.bool_]]] = {}
        if novel:
            unwanted["stood in the training list"] = self._is_known
        shortfall = None
        if unique or unwanted:
            names, shortfall = sampler.draw_until(rows, rng, unique, unwanted)
        else:
            names = sampler.draw(rows, rng)
        if shortfall and (on_shortfall == "raise" or not names):
            raise ValueError(shortfall)
        if shortfall:
            warnings.warn(shortfall, stacklevel=2)
        return names[0] if n_samples is None and isinstance(seed, str) else names

    def stream(
        self,
        seed: str = "",
        temperature: float = 1.0,
        *,
        random_state: Any = None,
        **wishes: Unpack[Wishes],
    ) -> Iterator[str]:
        """Write one name character by character.

        Parameters
        ----------
        seed : str, default=""
            What the name begins with.
        temperature, random_state
            As in `sample`.
        **wishes
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
        sampler = self._sampler([seed], temperature, **wishes)
        return sampler.stream(random_generator(random_state))

    def most_likely(
        self,
        n: int,
        seed: str = "",
        *,
        label: object = None,
        novel: bool = False,
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
        label : object, default=None
            The label of the names, one of `classes_`. None: any label, each as probable as
            it was frequent.
        novel, pattern, banned
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
            If a parameter is out of range, the model learned running text, or millions
            of beginnings would have to be kept.

        Notes
        -----
        Best-first search: a name is never more probable than its beginning, so the
        most probable beginnings are continued until none is more probable than the
        n-th name found. The result is exact.
        """
        check_is_fitted(self)
        check_int("n", n, 1)
        check_str("seed", seed)
        if self.max_length_ is None:
            raise ValueError("most_likely needs a generator fitted to names (boundary=True).")
        check_option("novel", novel)
        lengths = {"min_length": min_length, "max_length": max_length}
        sampler = self._sampler([seed], 1.0, label=label, pattern=pattern, banned=banned, **lengths)
        log_prior = self._log_prior() if len(sampler.labels) > 1 else np.zeros(1)
        unwanted = self._is_known if novel else lambda names: np.zeros(len(names), dtype=bool)
        return most_probable(sampler, int(n), log_prior, unwanted)

    @own_torch()
    def _sampler(
        self,
        seeds: list[str],
        temperature: float,
        *,
        label: object = None,
        **wishes: Any,
    ) -> Sampler:
        """Check what is asked for and return what writes such names."""
        alphabet = Alphabet(self.alphabet_)
        windows = torch.from_numpy(alphabet.windows(seeds, self.window_length_))

        def make_wish(*asked: Any) -> Wish:
            if asked not in self._wishes:
                if len(self._wishes) == _MAX_WISHES:
                    self._wishes.pop(next(iter(self._wishes)), None)
                self._wishes[asked] = Wish(alphabet, self._guide, *asked)
            return self._wishes[asked]

        rules = check_rules(alphabet, make_wish, self.max_length_, seeds, temperature, **wishes)
        distribution = self._label_distribution(label, seeds, alphabet)
        return Sampler(self._model, alphabet, seeds, windows, *distribution, rules)

    def _label_distribution(
        self, label: object, seeds: list[str], alphabet: Alphabet
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the labels that names may have, [-1] for none, and their probability.

        The probability has the shape (n_seeds, n_labels).
        """
        known = getattr(self, "classes_", np.empty(0)).tolist()
        if label is None and len(known) > 1:
            labels = np.arange(len(known))
            prior = self._log_prior()
            return labels, label_proba(self._model, alphabet, self.window_length_, seeds, prior)
        index = 0 if known else NONE
        if label is not None:
            if not known:
                raise ValueError(
                    f"label needs a model that has learned with labels: fit(X, y). Got {label!r}."
                )
            found = [i for i, each in enumerate(known) if np.isscalar(label) and each == label]
            if not found:
                raise ValueError(
                    f"label must be one of {', '.join(map(repr, known))}. Got {label!r}."
                )
            index = found[0]
        return np.array([index]), np.ones((len(seeds), 1))


def _check_seeds_and_number(
    seed: object, n_samples: int | None
) -> tuple[list[str], NDArray[np.int64]]:
    """Return seeds, and the index of each name's seed."""
    seeds = check_seeds(seed)
    if n_samples is None:
        return seeds, np.arange(len(seeds))
    check_int("n_samples", n_samples, 0)
    if n_samples > _MAX_SAMPLES:
        raise ValueError(
            f"n_samples must be at most {_MAX_SAMPLES:,}. Got {n_samples}; draw the names "
            "in several calls."
        )
    if not isinstance(seed, str):
        raise ValueError(
            "n_samples must be None when seed holds several seeds: one name is written "
            f"for each. Got n_samples={n_samples}; repeat the seeds instead."
        )
    return seeds, np.zeros(n_samples, dtype=np.int64)
