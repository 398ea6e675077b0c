"""Give drawn names to the rows of a result, unless a filter rejects them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from math import inf

import numpy as np

from .._data.corpus import Corpus
from .._text.unicode import fold
from .._text.words import repeats_word
from .._types import Bools, Ints
from .._validation import check_exclude, check_option

# Maximum number of consecutive draws without an accepted name.
MAX_FAILURES = 10_000
# Maximum expected number of draws, in total and per name. The greater limit applies.
MAX_DRAWS, _MAX_DRAWS_PER_NAME = 1_000_000, 30
# Maps each reason for rejection to a function that flags the rejected names.
Filters = dict[str, Callable[[list[str]], Bools]]


def make_filters(corpus: Corpus, novel: object, exclude: object, distinct_words: bool) -> Filters:
    """Validate `novel` and `exclude`, and return a filter for each reason to reject a name."""
    filters: Filters = {}
    if distinct_words and not corpus.repeats_words:
        filters["repeated a word"] = lambda names: np.array(repeats_word(names), dtype=bool)
    if check_option("novel", novel):
        if corpus.name_hashes_ is None:
            raise ValueError(
                "novel=True requires a generator fitted to names (boundary=True) that has "
                "kept their hashes. Got a generator without hashes. Fit it to names."
            )
        filters["were in the training list"] = corpus.contains
    if exclude is not None:
        known = check_exclude(exclude)

        def excluded(names: list[str]) -> Bools:
            matches = {name for name in set(names) if fold(name) in known}
            return np.fromiter((name in matches for name in names), bool, len(names))

        filters["were excluded"] = excluded
    return filters


class Selection:
    """A name for each row, from draws that may be rejected.

    Parameters
    ----------
    rows : ndarray of shape (n,), dtype int
        The prefix index of each name.
    unique : bool
        Whether all names must differ.
    filters : Filters
    taken : sequence of str, default=()
        Names that count as duplicates. With them, at most twice as many names are drawn as wanted.

    Attributes
    ----------
    names : dict of int to str
        The names of the rows that have one.
    pending : ndarray of shape (n_pending,), dtype int64
        All other rows.
    n_drawn : int
        Number of names drawn.
    rejected : Counter
        Number of rejected names for each reason.
    is_open : bool
        Whether rows are pending and more draws are allowed.
    """

    def __init__(self, rows: Ints, unique: bool, filters: Filters, taken: Sequence[str] = ()):
        self.rows, self.names, self.pending = rows, dict[int, str](), np.arange(len(rows))
        self.n_drawn, self.rejected, self.is_open = 0, Counter[str](), len(rows) > 0
        self._unique, self._filters, self._seen = unique, filters, set(taken)
        self._max_drawn, self._n_failures = 2 * len(rows) if taken else inf, 0

    def add(self, prefixes: Ints, texts: list[str]) -> int:
        """Give names drawn for prefixes to the next pending rows with these prefixes.

        Returns the number of rows that have a name now and had none before.
        """
        reasons = np.full(len(texts), "", dtype=object)
        for reason, is_rejected in self._filters.items():
            reasons[is_rejected(texts) & (reasons == "")] = reason
        n_before, waiting = len(self.names), defaultdict[int, list[int]](list)
        for row in self.pending[::-1].tolist():
            waiting[self.rows[row]].append(row)
        for prefix, name, reason in zip(prefixes.tolist(), texts, reasons, strict=True):
            if reason:
                self.rejected[reason] += 1
            elif self._unique and name in self._seen:
                self.rejected["were duplicates"] += 1
            elif waiting[prefix]:
                self.names[waiting[prefix].pop()] = name
                self._seen.add(name)
        n_new = len(self.names) - n_before
        self.pending = np.array([row for row in self.pending.tolist() if row not in self.names])
        self.n_drawn += len(texts)
        self._n_failures = 0 if n_new else self._n_failures + len(texts)
        n_expected = self.n_drawn + len(self.pending) * (len(texts) + 1) // (n_new + 1)
        max_draws = max(MAX_DRAWS, _MAX_DRAWS_PER_NAME * len(self.rows))
        self.is_open = len(self.pending) > 0 and self._n_failures < MAX_FAILURES
        self.is_open &= self.n_drawn < MAX_FAILURES or n_expected <= max_draws
        self.is_open &= self.n_drawn < self._max_drawn
        return n_new
