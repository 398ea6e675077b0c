"""Pretrained networks, and their conversion to another alphabet and other labels."""

from collections.abc import Mapping
from functools import cache
from math import log
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from .._alphabet import END_UNIT, NONE, is_alphabet
from .._corpus import Corpus
from .._generator import BaseCharGenerator, fitted
from .._models.contract import log_softmax
from .._models.lstm import CHARACTERS, INPUTS, LSTM
from .._sequences import Sequences
from .._validation import corrupt_file_error, is_auto
from ..datasets import bundled_file


class Pretrained(NamedTuple):
    """Initial networks for training: from the base, another generator, or the last fit.

    Attributes
    ----------
    alphabet : ndarray of shape (n_characters,), dtype str
        Character at each index.
    networks : list of LSTM
    label_shares : dict of object to float
        Relative frequency of each label, in the order of the label indices.
    """

    alphabet: NDArray[np.str_]
    networks: list[LSTM]
    label_shares: dict[Any, float]

    def covers(self, alphabet: NDArray[np.str_]) -> bool:
        """Whether the networks have seen at least half of the characters, ignoring the name end."""
        characters = alphabet[alphabet != END_UNIT]
        return bool(2 * np.isin(characters, self.alphabet).sum() >= len(characters))

    def beats_guessing(self, corpus: Corpus, sequences: Sequences) -> bool:
        """Whether the first network predicts the names better than guessing, before training.

        Uniform guessing has a loss of log(len(alphabet)) nats per character. The predictions are
        restricted to the corpus alphabet. Characters that the network has not seen are ignored.
        """
        is_seen = np.isin(corpus.alphabet_, self.alphabet)
        subset = sequences.subsample()
        targets = np.where(np.append(is_seen, False)[subset.targets], subset.targets, NONE)
        network = LSTM(self.weights_for(0, corpus.alphabet_, corpus.labels))
        logits = network.logits(subset._replace(targets=targets))
        logits[:, ~is_seen] = -np.inf
        log_proba = log_softmax(logits)[np.arange(len(logits)), targets[targets != NONE]]
        return len(log_proba) > 0 and bool(-log_proba.mean() < log(len(is_seen)))

    def weights_for(
        self,
        index: int,
        alphabet: NDArray[np.str_],
        labels: list[Any],
        initial: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Return the weights of a network for another alphabet and other labels.

        New characters and labels take their weights from `initial`, or zeros if it is None.
        """
        network, weights = self.networks[index], {}
        for name, weight in network.weights.items():
            is_reused = np.ones((1,) * weight.ndim, dtype=bool)
            for axis, kind in enumerate(network.axes[name]):
                if kind == INPUTS:
                    weight = np.moveaxis(self._center_labels(np.moveaxis(weight, axis, 0)), 0, axis)
                if kind in (CHARACTERS, INPUTS):
                    rows = self._old_rows(kind, weight.shape[axis], alphabet, labels)
                    weight = weight.take(rows, axis=axis)
                    other_axes = [other for other in range(weight.ndim) if other != axis]
                    is_reused = is_reused & np.expand_dims(rows >= 0, other_axes)
            weights[name] = np.where(is_reused, weight, initial[name] if initial else np.float32(0))
        return weights

    def _center_labels(self, vectors):
        """Move the mean of the label vectors into the character vectors.

        Append a zero vector for new labels.
        """
        n_labels = len(self.label_shares)
        n_inputs = len(vectors) - n_labels
        character_vectors, label_vectors = vectors[:n_inputs], vectors[n_inputs:]
        zeros = np.zeros((1, *vectors.shape[1:]), np.float32)
        if not n_labels:
            return np.concatenate([vectors, zeros])
        mean = np.array(list(self.label_shares.values()), np.float32) @ label_vectors
        return np.concatenate([character_vectors + mean, label_vectors - mean, zeros])

    def _old_rows(self, kind, n_old, alphabet, labels):
        """Return each character's and label's old index along an axis, or -1 for new characters."""
        old_index = {character: i for i, character in enumerate(self.alphabet.tolist())}
        rows = [old_index.get(character, NONE) for character in alphabet.tolist()]
        if kind == INPUTS:
            start = len(old_index)  # of a name; the next index is an unknown character
            label_rows = {label: start + 2 + i for i, label in enumerate(self.label_shares)}
            rows += [start, start + 1, *(label_rows.get(label, n_old - 1) for label in labels)]
        return np.array(rows)


def base_share(n_names: int) -> float:
    """Return the weight, in the average of all networks, of the network that starts from the base.

    The formula was fitted to held-out losses on lists of 20 to 30,000 names. The base in this
    experiment was trained without these lists.
    """
    return 1 / (1 + (n_names / 5000) ** 0.6)


def choose_pretrained(
    params: Mapping[str, Any], corpus: Corpus, sequences: Sequences
) -> Pretrained | None:
    """Return the networks that a first fit starts from, or None for random weights."""
    pretrained = resolve_init(params["init"])
    if pretrained is None or not pretrained.covers(corpus.alphabet_):
        return None
    if is_auto(params["init"]):
        is_text = corpus.max_length_ is None
        if is_text or not pretrained.beats_guessing(corpus, sequences):
            return None
    return pretrained


def extract_pretrained(generator: BaseCharGenerator) -> Pretrained:
    """Return the LSTM networks of a fitted generator, if it has any."""
    corpus, model = fitted(generator).corpus, fitted(generator).model
    models = [component.model for component in getattr(model, "components", ())]
    networks = [model for model in models if isinstance(model, LSTM)]
    shares = dict(zip(corpus.labels, corpus.label_shares.tolist(), strict=True))
    return Pretrained(corpus.alphabet_, networks, shares)


def resolve_init(init: Any) -> Pretrained | None:
    """Return the networks for the `init` of a `CharLSTMGenerator`, or None."""
    if init is None or isinstance(init, Pretrained):
        return init
    if isinstance(init, str) and init in ("auto", "base"):
        return load_base()
    generator = init.estimator if isinstance(init, FrozenEstimator) else init
    if isinstance(generator, Pipeline):
        generator = generator[-1]
    is_generator = isinstance(generator, BaseCharGenerator)
    if is_generator and not hasattr(generator, "alphabet_"):
        raise NotFittedError(
            f"init must be a fitted generator. Got {generator!r}, which is not fitted. Pipelines "
            "and searches clone their parameters, and clones are not fitted. If you have fitted "
            "it, pass init=sklearn.frozen.FrozenEstimator(generator)."
        )
    pretrained = extract_pretrained(generator) if is_generator else None
    if pretrained is None or not pretrained.networks:
        raise TypeError(
            f"init must be 'auto', None, 'base' or a fitted CharLSTMGenerator. Got {init!r:.200}."
        )
    return pretrained


def write_pretrained(generator: BaseCharGenerator, file: BinaryIO) -> None:
    """Write the networks of a generator without labels to a file for `read_pretrained`.

    The weights are stored in float16.
    """
    arrays: dict[str, Any] = {
        f"networks.{index}.{name}": weight.astype(np.float16)
        for index, network in enumerate(extract_pretrained(generator).networks)
        for name, weight in network.weights.items()
    }
    np.savez_compressed(file, alphabet=generator.alphabet_, **arrays)


def read_pretrained(file: Any) -> Pretrained:
    """Read networks written by `write_pretrained`, without executing code from the file."""
    with np.load(file, allow_pickle=False) as arrays:
        weights = {name: arrays[name] for name in arrays}
    alphabet: Any = weights.pop("alphabet", None)
    by_network: dict[str, dict[str, Any]] = {}
    for name, weight in weights.items():
        index, _, weight_name = name.removeprefix("networks.").partition(".")
        by_network.setdefault(index, {})[weight_name] = weight
    networks = [LSTM(weights) for weights in by_network.values()]
    if not is_alphabet(alphabet) or {net.n_characters for net in networks} != {len(alphabet)}:
        raise corrupt_file_error("The pretrained network", "valid for its alphabet")
    return Pretrained(alphabet, networks, {})


@cache
def load_base() -> Pretrained:
    """Return the base, the package's pretrained network."""
    with bundled_file("base.npz").open("rb") as file:
        return read_pretrained(file)
