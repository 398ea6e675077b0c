"""Trained networks: conversion to another alphabet and other labels, and the file of the base."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import IO, Self

import numpy as np

from .._data.corpus import Corpus, Names
from .._data.rows import WINDOW_LENGTH
from .._data.sequences import Sequences
from .._parallel import one_blas_thread
from .._state import bundled_file
from .._text.alphabet import N_SPECIAL, NONE, Alphabet
from .._text.codes import END_CHARACTER
from .._types import Floats, Strs
from .lstm import CHARACTERS, INPUTS, LSTM
from .model import Network


@dataclass(frozen=True)
class Pretrained:
    """Initial networks for training: from the base, another generator, or the last fit.

    Attributes
    ----------
    alphabet : Alphabet
    networks : list of LSTM
    label_shares : dict of object to float
        Relative frequency of each label, in the order of the label indices.
    """

    alphabet: Alphabet
    networks: list[LSTM]
    label_shares: dict[object, float]

    @classmethod
    def of(cls, corpus: Corpus, networks: Sequence[Network]) -> Self:
        """Return trained networks as initial networks."""
        label_shares = dict(zip(corpus.labels, corpus.label_shares.tolist(), strict=True))
        trained = [network.lstm for network in networks if network.lstm]
        return cls(corpus.alphabet, trained, label_shares)

    def covers(self, alphabet: Strs) -> bool:
        """Whether the networks have seen at least half of the characters, ignoring the name end."""
        characters = alphabet[alphabet != END_CHARACTER]
        return bool(2 * np.isin(characters, self.alphabet.characters).sum() >= len(characters))

    def beats_guessing(self, names: Names) -> bool:
        """Whether the first network predicts names without labels better than guessing.

        Uniform guessing has a loss of log(len(alphabet)) nats per character. The predictions are
        restricted to the alphabet of the names. Characters that the network has not seen are
        ignored.
        """
        known = np.isin(self.alphabet.characters, names.corpus.alphabet_)
        sequences = Sequences.of_rows(names.rows.to_learn(), self.alphabet, known).subsample()
        with one_blas_thread():
            log_proba = self.networks[0].log_proba(sequences, known)
        guessing = np.log(len(names.corpus.alphabet_))
        return len(log_proba) > 0 and bool(-log_proba.mean() < guessing)

    def hidden_states(self, names: Iterable[str]) -> Floats:
        """Return the hidden state of the first network after the last letter of each name.

        Letters that the network has not seen are skipped. The shape is (n_names, units).
        """
        known = ["".join(filter(self.alphabet.index.__contains__, name)) for name in names]
        windows = self.alphabet.windows(known, WINDOW_LENGTH)
        with one_blas_thread():
            layers, _ = self.networks[0].start(windows, np.full(len(known), NONE))
        return layers[-1][0]

    def weights_for(self, network: LSTM, corpus: Corpus) -> dict[str, Floats]:
        """Return the weights of one of the networks for other characters and other labels.

        The weights of new characters are NaN. New labels have the mean of the network's labels.
        """
        weights = {}
        old_index = {character: i for i, character in enumerate(self.alphabet.characters)}
        characters = [old_index.get(character, NONE) for character in corpus.alphabet_.tolist()]
        start = len(old_index)  # of a name; an unknown character and the labels follow
        label_index = {label: start + N_SPECIAL + i for i, label in enumerate(self.label_shares)}
        # The vectors of new labels (zero) and new characters (NaN) are appended, in this order.
        label_rows = [label_index.get(label, -2) for label in corpus.labels]
        rows = {CHARACTERS: characters, INPUTS: [*characters, start, start + 1, *label_rows]}
        for name, weight in network.weights.items():
            for axis, kind in enumerate(network.axes[name]):
                if kind in rows:
                    vectors = np.moveaxis(weight, axis, 0)
                    if kind == INPUTS:
                        vectors = self._center_labels(vectors)
                    new = [np.full_like(vectors[0], value) for value in (0, np.nan)]
                    weight = np.moveaxis(np.append(vectors, new, axis=0)[rows[kind]], 0, axis)
            weights[name] = weight
        return weights

    def _center_labels(self, vectors: Floats) -> Floats:
        """Move the mean of the label vectors into the character vectors."""
        shares = np.array(list(self.label_shares.values()), np.float32)
        character_vectors, label_vectors = np.split(vectors, [len(vectors) - len(shares)])
        mean = shares @ label_vectors
        return np.concatenate([character_vectors + mean, label_vectors - mean])


def read_pretrained(file: IO[bytes]) -> Pretrained:
    """Read a network without labels from a file that `examples/make_base.py` has written.

    The npz file contains the alphabet and the weights. A matrix in 8 bits also has an array such as
    "scale.head.weight" of one scale per row.
    """
    with np.load(file) as arrays:
        names = [name for name in arrays if name != "alphabet" and not name.startswith("scale.")]
        weights = {name: arrays[name] * arrays.get(f"scale.{name}", 1) for name in names}
        return Pretrained(Alphabet(arrays["alphabet"]), [LSTM(weights)], {})


@cache
def load_base() -> Pretrained:
    """Return the base, the package's pretrained network."""
    with bundled_file("base.npz").open("rb") as file:
        return read_pretrained(file)
