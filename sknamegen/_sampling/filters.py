"""Reasons to reject names that satisfy a constraint: known, excluded, or repeating a word."""

from collections.abc import Callable

import numpy as np

from .._data.corpus import Corpus
from .._text.unicode import fold
from .._text.words import repeats_word
from .._types import Bools
from .._validation import check_exclude, check_option

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
