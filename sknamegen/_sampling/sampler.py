"""Sample names that satisfy a constraint and that no filter rejects."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import compress
from typing import NamedTuple

import numpy as np

from .._parallel import one_blas_thread
from .._types import Bools, Ints
from .best import choose
from .constrained import MIN_ACCEPTANCE, ConstrainedNames, TooRare
from .constraint import Constraint
from .decoding import draw
from .selection import MAX_DRAWS, MAX_FAILURES, Filters, Selection

# Number of names drawn at first.
ROUND_SIZE = 256
# Expected number of draws up to which there is no trial, which shows how rare names are.
_FEW_DRAWS = 16
# Maximum number of names that are chosen together, because time grows with its square.
_MAX_CHOSEN = 1000
# What to do if fewer names qualify than requested. The command line names its options instead.
ADVICE = " Raise temperature or max_length, or request fewer names."
# A method of `ConstrainedNames` that draws names.
Propose = Callable[[Ints, np.random.Generator], tuple[Bools, list[str]]]


class ShortfallError(ValueError):
    """Fewer names qualify than requested."""

    def __init__(self, names: list[str], n: int, reason: str):
        self.names, self.reason = names, reason
        self.message = f"Found only {len(names):,} of {n:,} names: {reason}."
        hint = " To get the names found, pass on_shortfall='warn'." if names else ""
        super().__init__(self.message + ADVICE + hint)


class Sampler(NamedTuple):
    """Sampler of names under a constraint.

    In its methods, `rows` contains the prefix index of each name.

    Attributes
    ----------
    names : ConstrainedNames
    filters : Filters
        They reject names that satisfy the constraint.
    """

    names: ConstrainedNames
    filters: Filters

    def draw(
        self,
        rows: Ints,
        rng: np.random.Generator,
        unique: bool = False,
        best_of: int = 1,
        diversity_penalty: float = 1.0,
    ) -> tuple[list[str], str | None]:
        """Draw a name for each row, chosen from several candidates.

        A candidate is redrawn while a filter rejects it. Once each row has a name, at most twice as
        many other candidates are drawn as wanted. Returns the names, and the reason if there are
        fewer names than rows, or None.
        """
        selection = Selection(rows, unique, self.filters)
        self._select(selection, rng)
        names = [selection.names[row] for row in sorted(selection.names)]
        if len(names) == len(rows):
            others = Selection(np.repeat(rows, best_of - 1), unique, self.filters, names)
            with suppress(ValueError):  # without other candidates, the names are the best
                self._select(others, rng)
            if best_of > 1:
                names = self._choose(rows, names, others, best_of, rng, diversity_penalty)
            return names, None
        reasons = " and ".join(f"{n:,} {reason}" for reason, n in selection.rejected.items())
        reasons = f"of {selection.n_drawn:,} drawn, {reasons}" if reasons else "others are too rare"
        return names, f"{reasons}{self._rarity(rng)}"

    def _select(self, selection: Selection, rng: np.random.Generator) -> None:
        """Draw a name for each row, as long as the selection is open."""
        if self.names.source.decoding.temperature == 0:
            self._fill(selection, self.names.draw_greedy, rng)
            return
        self._fill(selection, self.names.draw_free, rng, _FEW_DRAWS)
        if selection.is_open:
            n_names, n_valid = self.names.trial()
            if len(selection.pending) < n_valid:
                self._fill(selection, self.names.draw_free, rng, n_names)
        try:
            self._fill(selection, self.names.draw_guided, rng)
        except TooRare:
            max_draws = min(MAX_FAILURES * len(selection.pending), MAX_DRAWS)
            self._fill(selection, self.names.draw_free, rng, max_draws)
            if not selection.names:
                raise

    def _choose(
        self,
        rows: Ints,
        names: list[str],
        others: Selection,
        best_of: int,
        rng: np.random.Generator,
        diversity_penalty: float,
    ) -> list[str]:
        """Choose a name for each row, among the candidates of all rows with its prefix and label.

        They are chosen in blocks of rows with their candidates.
        """
        found = np.array(sorted(others.names), dtype=np.int64)
        candidates = [*names, *(others.names[number] for number in found.tolist())]
        places = np.append(np.arange(len(rows)), found // max(1, best_of - 1))
        scores, labels = self.names.source.mean_log_proba(rows[places], candidates, rng)
        pools = rows[places] * len(self.names.source.labels) + labels
        chosen = list[str]()
        for start in range(0, len(rows), _MAX_CHOSEN):
            own = np.flatnonzero(places // _MAX_CHOSEN == start // _MAX_CHOSEN)
            texts = [candidates[number] for number in own.tolist()]
            wanted = pools[: len(rows)][start : start + _MAX_CHOSEN]
            chosen += choose(
                texts, scores[own], pools[own], wanted, diversity_penalty, self.names.source.corpus
            )
        return chosen

    def _fill(
        self, selection: Selection, propose: Propose, rng: np.random.Generator, max_draws: int = 0
    ) -> None:
        """Propose names until all rows have one, or probably need more than `max_draws` draws.

        0: there is no such limit.
        """
        n_attempts = n_accepted = 0
        while selection.is_open:
            # Draw for each row as often as it probably needs. At first, draw for few rows.
            n_repeats = (n_attempts + 1) // (n_accepted + 1) if n_accepted else 4 * n_attempts + 1
            max_repeats = max(-(-ROUND_SIZE // len(selection.pending)), round(1 / MIN_ACCEPTANCE))
            n_repeats = min(n_repeats, max_repeats)
            n_rows = ROUND_SIZE if max_draws and not n_attempts else None
            prefixes = np.repeat(selection.rows[selection.pending[:n_rows]], n_repeats)
            is_valid, texts = propose(prefixes, rng)
            n_accepted += selection.add(prefixes[is_valid], [*compress(texts, is_valid)])
            n_attempts += len(prefixes)
            n_expected = len(selection.pending) * (n_attempts + 1) / (n_accepted + 1)
            if max_draws and is_valid.mean() < MIN_ACCEPTANCE and n_expected > max_draws:
                break

    def _rarity(self, rng: np.random.Generator) -> str:
        """Return how rarely names satisfy the constraint as text, if fewer than a tenth do."""
        proba, n_prefixes = 0.0, len(self.names.source.prefixes)
        with suppress(ValueError):  # without a guide, the share is unknown
            proba = self.names.probability(max(2, 1000 // n_prefixes), rng)[0].mean()
        if not 1e-300 < proba < 0.1:
            return ""
        step = 10 ** max(0, int(np.log10(1 / proba)) - 1)
        return f". About one name in {round(1 / proba / step) * step:,} satisfies the constraint"

    def stream(self, rng: np.random.Generator, best_of: int = 1) -> Iterator[str]:
        """Yield the characters after the only prefix.

        Running text without constraints or filters is yielded as it is drawn. Otherwise, the whole
        name must be accepted first.
        """
        source, possible, _ = self.names
        (prefix,), row = source.prefixes, np.zeros(1, dtype=np.int64)
        is_free = possible.constraint == Constraint(*possible.constraint[:2])
        if possible.alphabet.end is not None or self.filters or not is_free:
            names, reason = self.draw(row, rng, False, best_of)
            if reason:
                raise ShortfallError(names, 1, reason)
            yield from names[0][len(prefix) :]
            return
        with one_blas_thread():
            state, logits = source.start(source.windows([prefix]), source.draw_labels(row, rng))
        for _ in range(len(prefix), possible.constraint.max_length):
            character, _ = draw(source.decoding.probabilities(logits), rng.random(1))
            yield source.corpus.alphabet.characters[int(character[0])]
            with one_blas_thread():
                state, logits = source.model.advance(state, character)
