"""How every generator writes names, on top of its next-character probabilities."""

import warnings
from abc import abstractmethod
from collections.abc import Iterable
from math import isfinite

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from ._batches import check_windows
from ._codepoints import END, PAD, encode, hash_rows
from ._constraints import Constraint, check_banned
from ._decoding import Rules, draw, write
from ._learning import distinct_names, whole_names
from ._novelty import expected_novelty, temperature_for
from ._scoring import CharacterScorer
from ._search import most_probable
from ._threads import one_thread
from ._validation import check_int, check_option, check_real
from ._writing import MAX_DRAWS, Request, log_proba_of, write_names, write_until

_TEXT_LENGTH = 100
_MAX_SAMPLES = 10**8
_WHOLE_NAMES = (
    "needs a model of whole names, learned from windows with boundary=True and step=1. This one "
    "learned others."
)


class BaseCharGenerator(CharacterScorer):
    """Base of the generators.

    A subclass learns in `fit`, after `_learn_characters`, and provides
    `_sequence_log_proba` and `_next_character`.
    """

    @abstractmethod
    def _next_character(self):
        """Return an object with `start`, `advance` and `select`, as `CharLSTM` has them."""

    def next_char_proba(self, seeds, label=None):
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
        proba : ndarray of shape (n_seeds, len(alphabet_)), dtype float64
            ``proba[i, j]`` is the probability that ``alphabet_[j]`` follows
            seed i. Rows sum to 1.

        Raises
        ------
        ValueError
            If a seed holds a character that is not in `alphabet_`, or the label is unknown.
        """
        check_is_fitted(self)
        seeds = [seeds] if isinstance(seeds, str) else _check_seeds(seeds)
        label = self._check_label(label)
        if not seeds:
            return np.empty((0, len(self.alphabet_)))
        labels = self._possible(label)
        with one_thread(), torch.inference_mode():
            proba = np.exp(self._next_log_proba(seeds, labels))  # (seeds, labels, characters)
            if len(labels) == 1:
                return proba[:, 0]
            return np.einsum("sl,slc->sc", self._label_proba(seeds), proba)

    def sample(
        self,
        seed="",
        temperature=1.0,
        n_samples=None,
        *,
        label=None,
        min_length=1,
        max_length=None,
        top_k=None,
        top_p=None,
        pattern=None,
        banned=(),
        exact=False,
        unique=False,
        novel=False,
        target_novelty=None,
        on_shortfall="raise",
        random_state=None,
    ):
        r"""Write new names.

        Parameters
        ----------
        seed : str or iterable of str, default=""
            What the names begin with. With several seeds, one name for each.
        temperature : float, default=1.0
            Divides the log-probabilities: below 1 the names become more
            ordinary, above 1 more daring; 0 always takes the most probable
            character.
        n_samples : int, default=None
            Number of names; None: one name, returned as a str.
        label : object, default=None
            The label of the names, one of `classes_`. None: drawn for each name, as probable
            as it is for names with this seed.
        min_length : int, default=1
            Characters a name has at least, the seed included. The end of the
            name is left out of the distribution until then.
        max_length : int, default=None
            Characters a name has at most, the seed included; it ends there.
            None: the longest training name, and in a model of running text
            (``boundary=False``), which has no ends, 100 characters more than
            the longest seed.
        top_k : int, default=None
            Draw from the `top_k` most probable characters only.
        top_p : float, default=None
            Draw from the fewest most probable characters that together have
            this probability only (nucleus sampling).
        pattern : str or re.Pattern, default=None
            A regular expression that the whole name must match, such as ``"Ma.*[ae]"`` or
            ``"(?i)[^q]*"``. Anchors inside, lookarounds and references to groups are refused.
        banned : iterable of str, default=()
            Strings that must not occur in a name, whatever their case.
        exact : bool, default=False
            Whether to draw from the names as they would be without `min_length`,
            `max_length`, `pattern` and `banned`, and to reject those that do not fit.
        unique : bool, default=False
            Whether no two names may be alike.
        novel : bool, default=False
            Whether names the model has learned from are left out, as far as
            64-bit hashes tell them.
        target_novelty : float, default=None
            Part of the names, in (0, 1), that is to be new: instead of `temperature`,
            which then is found by `sknamegen.metrics.expected_novelty`. For this the
            generator must know the names it has learned from, as it does after `fit`, until
            it is saved.
        on_shortfall : {"raise", "warn"}, default="raise"
            What to do if too few names are as wanted: raise an error, or
            warn and return fewer of them.
        random_state : int, RandomState, Generator or None, default=None
            An int gives the same names each time, None new ones each time.

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
            If too few names are as wanted: 10,000 names in a row were not, or
            more than 1,000 for each one wanted; or if no name can be: none begins with the
            seed, matches the pattern, and so on.
        TypeError, ValueError
            If a parameter is out of range, the lengths contradict each other or
            the seed, or a seed holds a character that is not in `alphabet_`.

        Notes
        -----
        `unique`, `novel` and `exact` work by rejection: names are drawn until enough of them
        are as wanted, so the others keep their proportions.

        Without `exact`, each character is drawn among those from which the name can still
        become what was asked for. That always succeeds at once, but it is not the
        distribution of the names that fit: it knows what is possible, not how probable it
        is. Where every second name would end in "a" and every hundredth begins with "Q",
        ``pattern=".*a|Q.*"`` gives many names that ran into the pattern's "a" at
        `max_length`; with `exact` they are as frequent as among all names.

        References
        ----------
        A. Holtzman et al., "The Curious Case of Neural Text Degeneration",
        ICLR 2020.
        """
        check_is_fitted(self)
        one_seed = isinstance(seed, str)
        seeds = [seed] if one_seed else _check_seeds(seed)
        if n_samples is not None:
            check_int("n_samples", n_samples, 0)
            if n_samples > _MAX_SAMPLES:
                raise ValueError(
                    f"n_samples must be at most {_MAX_SAMPLES:,}. Got {n_samples}; draw the names "
                    "in several calls."
                )
            if not one_seed:
                raise ValueError(
                    "n_samples must be None when seed holds several seeds: one name is written "
                    f"for each. Got n_samples={n_samples}; repeat the seeds instead."
                )
        check_option("exact", exact, (True, False))
        check_option("unique", unique, (True, False))
        self._check_novel(novel)
        check_option("on_shortfall", on_shortfall, ("raise", "warn"))
        request = self._request(
            seeds, temperature, label, min_length, max_length, top_k, top_p, pattern, banned
        )
        if target_novelty is not None:
            self._check_target(target_novelty, temperature, novel, exact)
            temperature = temperature_for(request, self._distinct_names(), target_novelty)
            request = request._replace(rules=request.rules._replace(temperature=temperature))
        unwanted = {}
        if novel:
            unwanted["stood in the training list"] = self._is_known
        if exact:
            request, unwanted["did not fit"] = _without_constraint(request, self.alphabet_.tolist())
        rng = random_generator(random_state)
        rows = np.zeros(n_samples or 0, dtype=np.int64)
        if n_samples is None:
            rows = np.arange(len(seeds))
        if unique or unwanted:
            names, shortfall = write_until(request, rows, rng, unique, unwanted)
            if shortfall and (on_shortfall == "raise" or not names):
                raise ValueError(shortfall)
            if shortfall:
                warnings.warn(shortfall, stacklevel=2)
        else:
            names = write_names(request, rows, rng)
        return names[0] if one_seed and n_samples is None else names

    def stream(
        self,
        seed="",
        temperature=1.0,
        *,
        label=None,
        min_length=1,
        max_length=None,
        top_k=None,
        top_p=None,
        pattern=None,
        banned=(),
        random_state=None,
    ):
        """Write one name character by character.

        Parameters
        ----------
        seed : str, default=""
            What the name begins with.
        temperature, label, min_length, max_length, top_k, top_p, pattern, banned, random_state
            As in `sample`.

        Returns
        -------
        characters : iterator of str
            The characters after the seed, each as soon as it is drawn. Joined
            to the seed they are what `sample` returns for the same arguments.

        Raises
        ------
        NotFittedError, TypeError, ValueError
            As `sample`, at the call.
        """
        check_is_fitted(self)
        if not isinstance(seed, str):
            raise TypeError(f"seed must be a str. Got {seed!r}.")
        request = self._request(
            [seed], temperature, label, min_length, max_length, top_k, top_p, pattern, banned
        )
        rng, row = random_generator(random_state), np.zeros(1, dtype=np.int64)
        windows, states = request.contexts(row, rng), request.states(row)

        def choose(logits, rows, step):
            uniform = torch.tensor([rng.random()], dtype=torch.float64, device=logits.device)
            return draw(logits, request.rules, uniform)

        def characters():
            lengths = torch.tensor([len(seed)], device=windows.device)
            steps = write(request.model, windows, lengths, request.rules, choose, states)
            while True:
                with one_thread():
                    _, characters = next(steps, (None, None))
                if characters is None or characters.item() == request.rules.end:
                    return
                yield str(self.alphabet_[characters.item()])

        return characters()

    def most_likely(
        self, n, seed="", *, label=None, novel=False, pattern=None, banned=(), max_length=None
    ):
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
            As in `sample`: what the names must be, and must not.
        max_length : int, default=None
            Characters a name has at most, the seed included. None: the longest
            training name.

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
        if not isinstance(seed, str):
            raise TypeError(f"seed must be a str. Got {seed!r}.")
        if self._end is None:
            raise ValueError("most_likely needs a model of names. This one has seen running text.")
        self._check_novel(novel)
        request = self._request([seed], 1.0, label, 0, max_length, None, None, pattern, banned)
        labels = self._possible(self._check_label(label))
        with one_thread(), torch.inference_mode():
            return most_probable(
                int(n),
                seed,
                self.alphabet_.tolist(),
                self._end,
                request.rules.max_length,
                lambda beginnings: self._next_log_proba(beginnings, labels),
                self._log_prior() if len(labels) > 1 else np.zeros(1),
                lambda names: ~self._is_known(names) if novel else np.ones(len(names), dtype=bool),
                request.rules.constraint,
            )

    def _expected_novelty(
        self,
        X,
        temperature,
        *,
        seed="",
        label=None,
        min_length=1,
        max_length=None,
        top_k=None,
        top_p=None,
        pattern=None,
        banned=(),
    ):
        """See `sknamegen.metrics.expected_novelty`."""
        check_is_fitted(self)
        codes = whole_names(check_windows(X, self.window_length_))
        if codes is None or self._end is None:
            raise ValueError("expected_novelty needs windows with boundary=True and step=1.")
        seeds = [seed] if isinstance(seed, str) else _check_seeds(seed)
        request = self._request(
            seeds, temperature, label, min_length, max_length, top_k, top_p, pattern, banned
        )
        return expected_novelty(request, distinct_names(codes))

    def _possible(self, label):
        """Return the indices of the labels that names may have, [None] without labels."""
        return [label] if label is not None or not self._n_labels else [*range(self._n_labels)]

    def _next_log_proba(self, beginnings, labels):
        """Log-probabilities of what follows, (n_beginnings, n_labels, n_characters)."""
        model, each = self._next_character(), []
        for label in labels:
            _, logits = model.start(self._seed_windows(beginnings, label))
            each.append(logits.double().log_softmax(1).cpu().numpy())
        return np.stack(each, axis=1)

    def _label_proba(self, seeds):
        """Probability of each label, given what a name begins with, (n_seeds, n_labels).

        Running text begins anywhere, so its labels are as probable as they were frequent.
        """
        joint = np.tile(self._log_prior(), (len(seeds), 1))
        if any(seeds) and self._end is not None:
            longest = max(map(len, seeds))
            rules = Rules(1.0, None, None, 0, longest + 1, self._end)
            start = Request(
                self._next_character(),
                self._alphabet(),
                [""],
                self._seed_windows([""]),
                None,
                rules,
            )
            rows = np.zeros(len(seeds), dtype=np.int64)
            for label in range(self._n_labels):
                labels = np.full(len(seeds), label)
                joint[:, label] += log_proba_of(start, rows, seeds, labels, ends=False)
        joint -= np.logaddexp.reduce(joint, axis=1)[:, None]
        return np.exp(joint)

    def _request(
        self, seeds, temperature, label, min_length, max_length, top_k, top_p, pattern, banned
    ):
        """Check what is asked for and return it."""
        rules = self._check_rules(seeds, temperature, min_length, max_length, top_k, top_p)
        label = self._check_label(label)
        windows = self._seed_windows(seeds, label)
        banned = check_banned(banned)
        if pattern is not None or banned:
            rules = rules._replace(constraint=self._constraint(seeds, rules, pattern, banned))
        drawn = label is None and self._n_labels
        label_proba = self._label_proba(seeds) if drawn else None
        return Request(self._next_character(), self._alphabet(), seeds, windows, label_proba, rules)

    def _constraint(self, seeds, rules, pattern, banned):
        alphabet = self.alphabet_.tolist()
        lengths = rules.min_length, rules.max_length
        constraint = Constraint(alphabet, rules.end, pattern, banned, *lengths)
        for seed in seeds:
            if constraint.start(seed) < 0:
                wishes = "" if pattern is None else f", matches pattern={pattern!r}"
                wishes += f", holds none of banned={banned!r}" if banned else ""
                raise ValueError(
                    f"No name of {lengths[0]} to {lengths[1]} characters that the model knows "
                    f"begins with {seed!r}{wishes}. Ask for less, or for other lengths."
                )
        return constraint

    def _alphabet(self):
        """Return the characters with U+0000 instead of the end."""
        alphabet = self.alphabet_.copy()
        alphabet[alphabet == chr(END)] = chr(PAD)
        return alphabet

    def _check_target(self, target, temperature, novel, exact):
        check_real("target_novelty", target, "None or in (0, 1)", lambda t: 0 < t < 1)
        if temperature != 1 or novel or exact:
            raise ValueError(
                "target_novelty needs temperature=1, novel=False and exact=False: it chooses the "
                "temperature for names that are drawn as they come."
            )
        if self._distinct_names() is None:
            raise ValueError(
                "target_novelty needs the names that the generator has learned from, which it "
                "knows after fit, if they were whole names, until it is saved or learns others. "
                "Pass a temperature."
            )

    def _is_known(self, names):
        """Tell which names the model has learned from."""
        codes = encode(names, max(map(len, names)))
        return np.isin(hash_rows(codes), self.name_hashes_)

    def _check_novel(self, novel):
        check_option("novel", novel, (True, False))
        if novel and self.name_hashes_ is None:
            raise ValueError(f"novel=True {_WHOLE_NAMES}")

    def _check_rules(self, seeds, temperature, min_length, max_length, top_k, top_p):
        check_real(
            "temperature", temperature, "a finite number >= 0", lambda t: t >= 0 and isfinite(t)
        )
        check_int("min_length", min_length, 0)
        if top_k is not None:
            check_int("top_k", top_k, 1)
        if top_p is not None:
            check_real("top_p", top_p, "in (0, 1]", lambda p: 0 < p <= 1)
        longest_seed = max(map(len, seeds), default=0)
        source = ""
        if max_length is not None:
            check_int("max_length", max_length, 1)
        elif self._end is None:
            max_length = max(longest_seed + _TEXT_LENGTH, min_length)
        else:
            max_length = self.max_length_
            source = ", the longest training name; pass a larger max_length"
        if min_length > max_length:
            raise ValueError(
                f"min_length must be at most max_length. Got min_length={min_length} and "
                f"max_length={max_length}{source}."
            )
        if longest_seed > max_length:
            seed = max(seeds, key=len)
            raise ValueError(
                f"A seed must have at most max_length characters. Got seed {seed!r} of "
                f"{longest_seed} characters and max_length={max_length}{source}."
            )
        if len(self.alphabet_) == 1 and self._end is not None and min_length > longest_seed:
            raise ValueError(
                "The model has seen empty names only, so it cannot write any of "
                f"min_length={min_length}."
            )
        n_steps = max_length - min(map(len, seeds), default=0)
        if n_steps > MAX_DRAWS:
            raise ValueError(
                f"max_length must leave at most {MAX_DRAWS:,} characters to write. "
                f"Got max_length={max_length}."
            )
        top_k = None if top_k is None else int(top_k)
        top_p = None if top_p is None else float(top_p)
        return Rules(float(temperature), top_k, top_p, int(min_length), int(max_length), self._end)

    def _seed_windows(self, seeds, label=None):
        """Return the last `window_length_` indices of each seed, -1 where there are none."""
        index = {character: i for i, character in enumerate(self.alphabet_.tolist())}
        index.pop(chr(END), None)
        start = [] if self._end is None else [len(self.alphabet_)]
        windows = np.full((len(seeds), self.window_length_), -1)
        for row, seed in enumerate(seeds):
            unknown = sorted(set(seed) - index.keys())
            if unknown:
                known = "".join(index) if len(index) <= 100 else "".join(index)[:100] + "…"
                raise ValueError(
                    f"seed {seed!r} holds characters the model never saw: "
                    f"{', '.join(map(repr, unknown))}. It knows: {known!r}."
                )
            if not seed and not start:
                raise ValueError(
                    "seed must hold at least one character, since the model learned running text "
                    "(boundary=False), which has no beginning. Got ''."
                )
            codes = (start + [index[character] for character in seed])[-self.window_length_ :]
            windows[row, -len(codes) :] = codes
        if label is not None:
            windows[windows >= 0] += label * (len(self.alphabet_) + 2)
        return torch.from_numpy(windows).to(self._device())

    def _device(self):
        """Where `_next_character` computes."""
        return torch.device("cpu")


def _without_constraint(request, alphabet):
    """Return a request without what whole names are asked for, and what tells who does not fit."""
    rules = request.rules
    constraint = rules.constraint or Constraint(
        alphabet, rules.end, None, (), rules.min_length, rules.max_length
    )
    if rules.end is not None:  # names that end by themselves, or are too long
        rules = rules._replace(min_length=0, max_length=rules.max_length + 1)
    request = request._replace(rules=rules._replace(constraint=None))
    return request, lambda names: np.array([not constraint.accepts(name) for name in names])


def _check_seeds(seeds):
    found = [seeds]
    if isinstance(seeds, Iterable) and np.ndim(seeds if hasattr(seeds, "shape") else [0]) == 1:
        found = list(seeds)
    if not all(isinstance(seed, str) for seed in found):
        raise TypeError(
            "seed must be what the names begin with, a str or an iterable of str. Got "
            f"{seeds!r}; to make random draws repeat, there is random_state."
        )
    return found


def random_generator(random_state):
    """Return a numpy Generator that nothing global decides or is changed by."""
    if random_state is None or isinstance(random_state, np.random.Generator):
        return np.random.default_rng(random_state)
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint32))
    check_int("random_state", random_state, 0)
    return np.random.default_rng(random_state)
