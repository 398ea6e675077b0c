"""What every generator does, on top of its next-character probabilities."""

import warnings
from abc import ABCMeta, abstractmethod
from collections import Counter
from collections.abc import Iterable
from heapq import heappop, heappush
from math import exp, isfinite

import numpy as np
import torch
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils.validation import check_is_fitted

from ._batches import NO_TARGET, Sequences, check_windows, sequences_from_windows
from ._codepoints import (
    END,
    PAD,
    RESERVED,
    START,
    decode,
    distinct,
    encode,
    hash_rows,
    index_table,
)
from ._decoding import Rules, probabilities, write
from ._state import StateFormat
from ._threads import one_thread
from ._validation import check_int, check_option, check_real

# Names are written in blocks that fit the cache, and of no more than so many draws.
_CACHED_ROWS = 512
_MAX_DRAWS = 2**21
_TEXT_LENGTH = 100
# Draws in one round, in a row without a name that is wanted, and for each name, at most.
_MAX_ROUND = 4096
_MAX_IN_VAIN = 10_000
_MAX_TRIES = 1000
_MAX_WAITING = 5_000_000
_NOTHING_TO_LEARN = "X must hold at least one character to learn. Got padding only."


class BaseCharGenerator(StateFormat, DensityMixin, BaseEstimator, metaclass=ABCMeta):
    """Base of the generators.

    A subclass learns in `fit`, after `_learn_alphabet`, and provides
    `_sequence_log_proba` and `_next_character`. Indices of characters: those of
    `alphabet_`, then the start of a name, then an unknown character.
    """

    @abstractmethod
    def _sequence_log_proba(self, inputs, targets):
        """Sum the log-probabilities of the targets of each sequence.

        Parameters
        ----------
        inputs, targets : ndarray of shape (n_sequences, n_steps), dtype int32
            Indices; a target is one of `alphabet_` or `NO_TARGET`.

        Returns
        -------
        log_proba : ndarray of shape (n_sequences,), dtype float64
            In nats.
        """

    @abstractmethod
    def _next_character(self):
        """Return an object with `start`, `advance` and `select`, as `CharLSTM` has them."""

    def score_samples(self, X):
        """Compute the log-likelihood of each name.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names.

        Returns
        -------
        log_likelihood : ndarray of shape (n_names,), dtype float64
            In nats: the sum of the log-probabilities of the characters of a
            name and of its end. An unknown character, which has no place in the
            distribution over `alphabet_`, counts as
            ``-log(n_characters_seen_ + 1)``.
        """
        return self._score(X)[0]

    def score(self, X, y=None):
        """Compute the mean log-likelihood per predicted character.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names.
        y : None
            Ignored.

        Returns
        -------
        score : float
            In nats per character, the ends of names included. Higher is better;
            comparable over window lengths, models and folds.
        """
        log_likelihood, n_characters = self._score(X)
        return float(log_likelihood.sum() / n_characters)

    def perplexity(self, X):
        """Compute the perplexity, ``exp(-score(X))``.

        Parameters
        ----------
        X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
            Windows of names.

        Returns
        -------
        perplexity : float
            Between how many equally likely characters the model hesitates, on
            average. Lower is better, 1 is certainty.
        """
        return exp(-self.score(X))

    def next_char_proba(self, seeds):
        """Compute the distribution of the character after each seed.

        Parameters
        ----------
        seeds : str or iterable of str
            Beginnings of names, "" for the first character.

        Returns
        -------
        proba : ndarray of shape (n_seeds, len(alphabet_)), dtype float64
            ``proba[i, j]`` is the probability that ``alphabet_[j]`` follows
            seed i. Rows sum to 1.

        Raises
        ------
        ValueError
            If a seed holds a character that is not in `alphabet_`.
        """
        check_is_fitted(self)
        seeds = [seeds] if isinstance(seeds, str) else _check_seeds(seeds)
        if not seeds:
            return np.empty((0, len(self.alphabet_)))
        with one_thread(), torch.inference_mode():
            _, logits = self._next_character().start(self._seed_windows(seeds))
            return probabilities(logits.double()).cpu().numpy()

    def sample(
        self,
        seed="",
        temperature=1.0,
        n_samples=None,
        *,
        min_length=1,
        max_length=None,
        top_k=None,
        top_p=None,
        unique=False,
        novel=False,
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
        unique : bool, default=False
            Whether no two names may be alike.
        novel : bool, default=False
            Whether names the model has learned from are left out, as far as
            64-bit hashes tell them.
        on_shortfall : {"raise", "warn"}, default="raise"
            What to do if too few names are unique or novel: raise an error, or
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
            If too few names are unique or novel: 10,000 names in a row were not, or
            more than 1,000 for each one wanted.
        TypeError, ValueError
            If a parameter is out of range, the lengths contradict each other or
            the seed, or a seed holds a character that is not in `alphabet_`.

        Notes
        -----
        `unique` and `novel` work by rejection: names are drawn until enough of them are
        as wanted, so the others keep their proportions.

        References
        ----------
        A. Holtzman et al., "The Curious Case of Neural Text Degeneration",
        ICLR 2020.
        """
        check_is_fitted(self)
        one_seed = isinstance(seed, str)
        seeds = [seed] if one_seed else _check_seeds(seed)
        rules = self._check_rules(seeds, temperature, min_length, max_length, top_k, top_p)
        if n_samples is not None:
            check_int("n_samples", n_samples, 0)
            n_samples = int(n_samples)
            if not one_seed:
                raise ValueError(
                    "n_samples must be None when seed holds several seeds: one name is written "
                    f"for each. Got n_samples={n_samples}; repeat the seeds instead."
                )
        check_option("unique", unique, (True, False))
        self._check_novel(novel)
        check_option("on_shortfall", on_shortfall, ("raise", "warn"))
        windows = self._seed_windows(seeds)
        if one_seed:
            seeds = seeds * (1 if n_samples is None else n_samples)
        rng = _random_generator(random_state)
        if unique or novel:
            names, shortfall = self._write_until(windows, seeds, rules, rng, unique, novel)
            if shortfall and (on_shortfall == "raise" or not names):
                raise ValueError(shortfall)
            if shortfall:
                warnings.warn(shortfall, stacklevel=2)
        else:
            names = self._write(windows, seeds, rules, rng)
        return names[0] if one_seed and n_samples is None else names

    def stream(
        self,
        seed="",
        temperature=1.0,
        *,
        min_length=1,
        max_length=None,
        top_k=None,
        top_p=None,
        random_state=None,
    ):
        """Write one name character by character.

        Parameters
        ----------
        seed : str, default=""
            What the name begins with.
        temperature, min_length, max_length, top_k, top_p, random_state
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
        rules = self._check_rules([seed], temperature, min_length, max_length, top_k, top_p)
        windows = self._seed_windows([seed])
        rng = _random_generator(random_state)
        model = self._next_character()

        def characters():
            steps = write(
                model,
                windows,
                torch.tensor([len(seed)], device=windows.device),
                rules,
                lambda rows, step: torch.tensor([rng.random()], device=rows.device),
            )
            while True:
                with one_thread():
                    _, characters = next(steps, (None, None))
                if characters is None or characters.item() == rules.end:
                    return
                yield str(self.alphabet_[characters.item()])

        return characters()

    def most_likely(self, n, seed="", *, novel=False, max_length=None):
        """Find the names of the highest probability.

        Parameters
        ----------
        n : int
            How many names.
        seed : str, default=""
            What the names begin with.
        novel : bool, default=False
            Whether names the model has learned from are left out, as in `sample`.
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
        rules = self._check_rules([seed], 1.0, 0, max_length, None, None)
        self._seed_windows([seed])  # refuses characters that were never seen
        with one_thread(), torch.inference_mode():
            found = self._search(int(n), seed, novel, rules.max_length)
        names = [name for _, name in found]
        return names, np.array([log_likelihood for log_likelihood, _ in found])

    def _search(self, n, seed, novel, max_length):
        """Return the n best pairs of log-likelihood and name, the best first."""
        letters, end = self.alphabet_.tolist(), self._end
        beginnings = [seed[:i] for i in range(len(seed))]
        before = 0.0
        if seed:
            steps = np.arange(len(seed)), [letters.index(letter) for letter in seed]
            before = float(self._next_log_proba(beginnings)[steps].sum())
        waiting, found = [(-before, seed)], []
        # Pairs in heaps, so equal probabilities are told apart by the names.
        while waiting and (len(found) < n or -waiting[0][0] > found[0][0]):
            best = [heappop(waiting) for _ in range(min(_CACHED_ROWS, len(waiting)))]
            beginnings = [beginning for _, beginning in best]
            log_proba = self._next_log_proba(beginnings)
            log_proba -= np.array([cost for cost, _ in best])[:, None]
            known = self._is_known(beginnings) if novel else np.zeros(len(best), dtype=bool)
            for row, name in enumerate(beginnings):
                if name and not known[row]:
                    heappush(found, (float(log_proba[row, end]), name))
            while len(found) > n:
                heappop(found)
            worst = found[0][0] if len(found) == n else -np.inf
            worth_it = log_proba > worst
            worth_it[:, end] = False
            worth_it[[len(beginning) >= max_length for beginning in beginnings]] = False
            for row, column in np.argwhere(worth_it).tolist():
                pair = (-float(log_proba[row, column]), beginnings[row] + letters[column])
                heappush(waiting, pair)
            if len(waiting) > _MAX_WAITING:
                raise ValueError(
                    f"The search for the {n:,} most likely names keeps more than "
                    f"{_MAX_WAITING:,} beginnings. Got max_length={max_length}; ask for fewer or "
                    "shorter names."
                )
        return sorted(found, key=lambda pair: (-pair[0], pair[1]))

    def _next_log_proba(self, beginnings):
        _, logits = self._next_character().start(self._seed_windows(beginnings))
        return logits.double().log_softmax(1).cpu().numpy()

    def _is_known(self, names):
        """Tell which names the model has learned from."""
        codes = encode(names, max(map(len, names)))
        return np.isin(hash_rows(codes), self.name_hashes_)

    def _check_novel(self, novel):
        check_option("novel", novel, (True, False))
        if novel and self.name_hashes_ is None:
            raise ValueError(
                "novel=True needs a model of whole names, learned from windows with boundary=True "
                "and step=1. This one learned others."
            )

    def _learn_alphabet(self, X, alphabet=None):
        """Set what is learned of the windows alone; return sequences of indices."""
        X = check_windows(X)
        sequences = sequences_from_windows(X)
        if not sequences.targets.any():
            raise ValueError(_NOTHING_TO_LEARN)
        codes = np.union1d(distinct(sequences.inputs), distinct(sequences.targets))
        if alphabet is not None:
            codes = np.union1d(codes, _check_alphabet(alphabet))
        if START in codes:  # names have ends, even if a step leaps over all of them
            codes = np.union1d(codes, np.int32(END))
        self.alphabet_ = codes[~np.isin(codes, (PAD, START))].view("=U1")
        self.window_length_ = X.shape[2] - 1
        sequences = self._index(sequences)
        self._count(X, sequences)
        return sequences

    def _learn_more(self, X, alphabet=None):
        """Update what was learned of the windows alone; return sequences of indices."""
        if alphabet is not None:
            new = sorted(set(map(chr, _check_alphabet(alphabet))) - set(self.alphabet_.tolist()))
            if new:
                raise ValueError(
                    "alphabet must be given in the first call of partial_fit, or be the same. Got "
                    f"characters that the model does not know: {', '.join(map(repr, new))}."
                )
        longest, n_seen, hashes = self.max_length_, self.n_characters_seen_, self.name_hashes_
        sequences = self._read(X)
        if (sequences.targets == NO_TARGET).all():
            raise ValueError(_NOTHING_TO_LEARN)
        self._count(X, sequences)
        self.n_characters_seen_ += n_seen
        self.max_length_ = longest and max(longest, self.max_length_)
        if hashes is not None and self.name_hashes_ is not None:
            self.name_hashes_ = np.union1d(hashes, self.name_hashes_)
        return sequences

    def _count(self, X, sequences):
        self.n_characters_seen_ = int(np.count_nonzero(sequences.targets != NO_TARGET))
        self.max_length_ = _longest_name(X) if self._end is not None else None
        self.name_hashes_ = _hash_names(X) if self._end is not None else None

    def _read(self, X):
        """Check windows against those of `fit` and return their sequences as indices."""
        X = check_windows(X, self.window_length_)
        if (X[0, :, :-1] == START).any() != (self._end is not None):
            raise ValueError(
                "X must be windows of the kind seen in fit, where boundary was "
                f"{self._end is not None}. Got windows with boundary={self._end is None}."
            )
        return self._index(sequences_from_windows(X))

    @property
    def _end(self):
        """Index of the end in the alphabet, None if running text was learned."""
        found = np.flatnonzero(self.alphabet_ == chr(END))
        return int(found[0]) if len(found) else None

    def _index(self, sequences):
        """Replace code points by indices."""
        table = index_table(self.alphabet_.view(np.int32))
        targets = np.where(sequences.targets == PAD, NO_TARGET, table[sequences.targets])
        return Sequences(table[sequences.inputs], targets, sequences.owner)

    def _score(self, X):
        """Log-likelihood of each name and number of predicted characters."""
        check_is_fitted(self)
        inputs, targets, owner = self._read(X)
        n_characters = np.count_nonzero(targets != NO_TARGET)
        if n_characters == 0:
            raise ValueError("X must hold at least one character to predict. Got padding only.")
        unknown = targets == len(self.alphabet_) + 1
        with one_thread():
            log_proba = self._sequence_log_proba(inputs, np.where(unknown, NO_TARGET, targets))
        log_proba = log_proba - unknown.sum(1) * np.log(self.n_characters_seen_ + 1)
        return np.bincount(owner, weights=log_proba, minlength=len(X)), n_characters

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
        if n_steps > _MAX_DRAWS:
            raise ValueError(
                f"max_length must leave at most {_MAX_DRAWS:,} characters to write. "
                f"Got max_length={max_length}."
            )
        top_k = None if top_k is None else int(top_k)
        top_p = None if top_p is None else float(top_p)
        return Rules(float(temperature), top_k, top_p, int(min_length), int(max_length), self._end)

    def _seed_windows(self, seeds):
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
        return torch.from_numpy(windows).to(self._device())

    def _device(self):
        """Where `_next_character` computes."""
        return torch.device("cpu")

    def _write(self, windows, seeds, rules, rng):
        n_steps = max(0, rules.max_length - min(map(len, seeds), default=0))
        block_size = _MAX_DRAWS // max(1, n_steps)
        if windows.device.type == "cpu":
            block_size = min(block_size, _CACHED_ROWS)
        block_size = max(1, block_size)
        names = []
        with one_thread():
            for first in range(0, len(seeds), block_size):
                rows = slice(first, first + block_size)
                contexts = windows if len(windows) == 1 else windows[rows]
                # Drawn row by row, so a name does not depend on how rows are cut into blocks.
                uniforms = rng.random((len(seeds[rows]), n_steps))
                names += self._write_block(contexts, seeds[rows], rules, uniforms)
        return names

    def _write_until(self, windows, seeds, rules, rng, unique, novel):
        """Write a name for each seed, and again where it is not wanted.

        Returns
        -------
        names : list of str
        shortfall : str or None
            Why there are fewer names than seeds.
        """
        names, seen, rejected = {}, set(), Counter()
        missing = np.arange(len(seeds))
        n_drawn = n_in_vain = 0
        while len(missing) and n_in_vain < _MAX_IN_VAIN and n_drawn < _MAX_TRIES * len(seeds):
            # As many as should do, by what was wanted so far.
            n_each = min(-(-(n_drawn + 1) // (len(names) + 1)), -(-_MAX_ROUND // len(missing)))
            rows = np.repeat(missing, n_each)
            contexts = windows if len(windows) == 1 else windows[rows]
            written = self._write(contexts, [seeds[row] for row in rows], rules, rng)
            known = self._is_known(written) if novel else np.zeros(len(written), dtype=bool)
            n_before = len(names)
            for row, name, is_known in zip(rows.tolist(), written, known.tolist(), strict=True):
                if is_known:
                    rejected["stood in the training list"] += 1
                elif unique and name in seen:
                    rejected["repeated another"] += 1
                elif row not in names:
                    names[row] = name
                    seen.add(name)
            n_drawn += len(written)
            n_in_vain = 0 if len(names) > n_before else n_in_vain + len(written)
            missing = np.array([row for row in missing.tolist() if row not in names])
        shortfall = None
        if len(missing):
            reasons = " and ".join(f"{n:,} {reason}" for reason, n in rejected.items())
            shortfall = (
                f"Only {len(names):,} of {len(seeds):,} names were found: of {n_drawn:,} drawn, "
                f"{reasons}. Raise temperature or max_length, ask for fewer, or use "
                "on_shortfall='warn' to get those."
            )
        return [names[row] for row in sorted(names)], shortfall

    def _write_block(self, windows, seeds, rules, uniforms):
        device = windows.device
        n_steps = uniforms.shape[1]
        uniforms = torch.from_numpy(uniforms).to(device)
        lengths = torch.tensor([len(seed) for seed in seeds], device=device)
        codes = torch.from_numpy(self.alphabet_.view(np.int32).copy()).to(device)
        if rules.end is not None:
            codes[rules.end] = PAD
        text = torch.zeros(len(seeds), n_steps, dtype=torch.int32, device=device)
        steps = write(
            self._next_character(),
            windows,
            lengths,
            rules,
            lambda rows, step: uniforms[rows, step],
        )
        for step, (rows, characters) in enumerate(steps):
            text[rows, step] = codes[characters]
        written = decode(text.cpu().numpy())
        return [seed + characters for seed, characters in zip(seeds, written, strict=True)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


def _hash_names(X):
    """Return the sorted hashes of the names, None if steps leap over some of their characters."""
    text = X[:, :, -1]
    follows = X[:, 1:, -2] == text[:, :-1]
    if not (follows | (text[:, 1:] == PAD)).all():
        return None
    return np.unique(hash_rows(np.where(text == END, PAD, text)))


def _check_alphabet(alphabet):
    """Return the code points of an alphabet."""
    characters = list(alphabet) if isinstance(alphabet, Iterable) else [alphabet]
    for character in characters:
        if not (isinstance(character, str) and len(character) == 1):
            raise TypeError(f"alphabet must hold single characters. Got {character!r}.")
        if ord(character) in RESERVED and ord(character) != END:
            raise ValueError(f"alphabet must not hold {character!r}, which frames the names.")
    return np.array([ord(character) for character in characters], dtype=np.int32)


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


def _longest_name(X):
    """Return the characters of the longest name, up to step - 1 more if positions leap over some.

    The start moves by one step from a position to the next; if it has left the window at the
    second, the step is taken for the window's length.
    """
    last = np.flatnonzero((X[:, :, -1] != PAD).any(axis=0)).max()
    starts = (X[0, :2, :-1] == START).nonzero()[1]
    step = starts[0] - starts[1] if len(starts) == 2 else X.shape[2] - 1
    return int(step * (last + 1) - 1) if X.shape[1] > 1 else 0


def _random_generator(random_state):
    """Return a numpy Generator that nothing global decides or is changed by."""
    if random_state is None or isinstance(random_state, np.random.Generator):
        return np.random.default_rng(random_state)
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint32))
    check_int("random_state", random_state, 0)
    return np.random.default_rng(random_state)
