"""What the networks learn: the names, and names that resemble them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from .._data.corpus import Corpus, Names
from .._data.rows import encode_rows
from .._data.sequences import Sequences
from .._data.similar import Candidates
from .._models.pretrained import Pretrained, load_base
from .._text.codes import decode
from .._types import Bools, Floats
from .._validation import check_strings, is_auto, warn_user
from .batches import join_windows
from .parameters import Settings
from .recipe import N_LONG, N_SIMILAR


@dataclass(frozen=True)
class Material:
    """What the networks learn.

    Attributes
    ----------
    corpus : Corpus
    names : Sequences
        All names of the list.
    own_names : Sequences
        The names of the list that are not held out.
    held_out : Sequences
        The names held out for early stopping.
    training_names : Sequences
        The own names and similar names, whose weights have the same sum, with fewer sequences
        for each name.
    similar_names : list of str
    """

    corpus: Corpus
    names: Sequences
    own_names: Sequences
    held_out: Sequences
    training_names: Sequences
    similar_names: list[str]

    @property
    def n_names(self) -> int:
        """Number of learned names or, for running text, of characters."""
        if self.corpus.is_text:
            return int(self.training_names.has_target.sum())
        return len(
            np.unique(self.training_names.name_index[self.training_names.has_target.any(axis=1)])
        )


def prepare(
    settings: Settings, names: Names, candidates: Candidates | None, rng: np.random.Generator
) -> Material:
    """Choose the names to hold out and the similar names, and convert all to indices."""
    weight = settings.given.get("ngram_weight")
    if weight and names.corpus.is_text:
        raise ValueError(
            "ngram_weight must be 'auto' or 0 for running text, because n-grams are part of its "
            f"model (see ngram_counts). Got {weight}."
        )
    is_held_out = _hold_out(settings, len(names.rows), rng)
    similar, labels, weights = _choose_similar(names, ~is_held_out, candidates)
    corpus, sequences = names.corpus.with_letters_of(similar).with_names(names)
    is_held_out = is_held_out[sequences.name_index]
    own_names = sequences.take(~is_held_out)
    if not own_names.has_target.any():
        raise ValueError("X must contain a character of the alphabet. Got only unknown ones.")
    training_names = own_names if corpus.is_text else join_windows(own_names)
    if similar:
        others = Sequences.of_rows(corpus.read(similar), corpus.alphabet)
        others = others.with_labels(np.array(labels, dtype=np.int32), np.array(weights))
        training_names = training_names.followed_by(join_windows(others))
    held_out = sequences.take(is_held_out)._replace(weights=None)
    return Material(corpus, sequences, own_names, held_out, training_names, similar)


def _hold_out(settings: Settings, n_names: int, rng: np.random.Generator) -> Bools:
    """Return which names are held out for early stopping."""
    is_held_out = np.zeros(n_names, dtype=bool)
    if settings.early_stopping:
        n_valid = max(1, round(settings.validation_fraction * n_names))
        if n_valid >= n_names:
            raise ValueError(
                "early_stopping requires at least one training name after the split. Got "
                f"{n_names} names and validation_fraction={settings.validation_fraction}. Use "
                "early_stopping=False, or split running text into several texts."
            )
        is_held_out[rng.permutation(n_names)[:n_valid]] = True
    return is_held_out


def _choose_similar(
    names: Names, is_learned: Bools, candidates: Candidates | None
) -> tuple[list[str], list[int], list[float]]:
    """Return similar names for each label, and their labels and weights."""
    similar, labels, weights = list[str](), list[int](), list[float]()
    if candidates is None:
        return similar, labels, weights
    for label in np.unique(names.labels[is_learned]).tolist():
        is_own = is_learned & (names.labels == label)
        total = is_own.sum() if names.weights is None else names.weights[is_own].sum()
        chosen = candidates.most_similar(decode(names.rows.names[is_own]), N_SIMILAR)
        if not chosen and not candidates.is_bundled:
            warn_user(
                "similar must contain other names than the list, in its script. Got none, so the "
                "list is learned without similar names."
            )
        similar += chosen
        labels += [label] * len(chosen)
        weights += [total / max(1, len(chosen))] * len(chosen)
    return similar, labels, weights


def find_candidates(
    similar: object, names: Names, pretrained: Pretrained | None
) -> Candidates | None:
    """Return the names to choose similar names from, or None. `similar` is the parameter."""
    if similar is None or names.corpus.is_text:
        return None
    if not is_auto(similar):
        texts = check_strings("similar", similar)
        encode_rows(texts)  # refuses U+0000
        return Candidates(["".join(f"{text}\0" for text in texts)])
    if len(names.rows) >= N_LONG or pretrained is None or pretrained is not load_base():
        return None
    text = "".join(decode(names.rows.names))
    cases = (case for case in (str.lower, str.upper) if case(text) == text)
    try:
        return load_candidates(next(cases, str))
    except RuntimeError as error:  # a Python without the module lzma cannot read the collection
        warn_user(f"The list is learned without similar names, because of an error: {error}.")
        return None


@cache
def load_candidates(convert: Callable[[str], str]) -> Candidates:
    """Return names of the bundled collection, with a function such as `str.lower` applied to them.

    `str` does not change them.
    """
    from ..datasets import list_vectors, read_collection

    lists = [convert(text).replace("\n", "\0") for text in read_collection().values()]
    projection, vectors = list_vectors()
    cases: list[Callable[[str], str]] = [str] if convert is str else [str, str.title]

    def distances(names: Sequence[str]) -> Floats:
        states = [load_base().hidden_states(map(case, names)).mean(axis=0) for case in cases]
        return np.linalg.norm(vectors - (states @ projection)[:, None], axis=2).min(axis=0)

    return Candidates(lists, distances)
