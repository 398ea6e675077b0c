"""Networks that a training starts from, laid out for another list of names."""

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
    """Networks that know names: the base, those of a generator, or those of the last fit.

    Attributes
    ----------
    alphabet : ndarray of shape (n_characters,), dtype str
        The meaning of the indices of characters.
    networks : list of LSTM
    label_shares : dict of object to float
        How frequent each label was, in the order of their indices.
    """

    alphabet: NDArray[np.str_]
    networks: list[LSTM]
    label_shares: dict[Any, float]

    def knows(self, alphabet: NDArray[np.str_]) -> bool:
        """Whether at least half of the characters are known, the end of a name aside."""
        characters = alphabet[alphabet != END_UNIT]
        return bool(2 * np.isin(characters, self.alphabet).sum() >= len(characters))

    def beats_guessing(self, corpus: Corpus, sequences: Sequences) -> bool:
        """Whether the first network, untrained, predicts names better than guessing.

        Guessing costs log(len(alphabet)) nats for each character. Only the characters of the
        alphabet can come; those that the network does not know are left out.
        """
        is_known = np.isin(corpus.alphabet_, self.alphabet)
        some = sequences.some()
        targets = np.where(np.append(is_known, False)[some.targets], some.targets, NONE)
        network = LSTM(self.weights_for(0, corpus.alphabet_, corpus.labels))
        logits = network.logits(some._replace(targets=targets))
        logits[:, ~is_known] = -np.inf
        log_proba = log_softmax(logits)[np.arange(len(logits)), targets[targets != NONE]]
        return len(log_proba) > 0 and bool(-log_proba.mean() < log(len(is_known)))

    def weights_for(
        self,
        number: int,
        alphabet: NDArray[np.str_],
        labels: list[Any],
        new: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Return the weights of a network for another alphabet and other labels.

        Characters and labels that are not known have those of `new`; None: zeros.
        """
        network, weights = self.networks[number], {}
        for name, weight in network.weights.items():
            is_known = np.ones((1,) * weight.ndim, dtype=bool)
            for axis, counted in enumerate(network.axes[name]):
                if counted == INPUTS:
                    weight = np.moveaxis(self._labels_apart(np.moveaxis(weight, axis, 0)), 0, axis)
                if counted in (CHARACTERS, INPUTS):
                    places = self._places(counted, weight.shape[axis], alphabet, labels)
                    weight = weight.take(places, axis=axis)
                    others = [other for other in range(weight.ndim) if other != axis]
                    is_known = is_known & np.expand_dims(places >= 0, others)
            weights[name] = np.where(is_known, weight, new[name] if new else np.float32(0))
        return weights

    def _labels_apart(self, old):
        """Add to the vectors of characters the mean of those of labels, which lose it.

        After them come zeros, for a label that is new.
        """
        n_labels = len(self.label_shares)
        of_characters, of_labels = old[: len(old) - n_labels], old[len(old) - n_labels :]
        zeros = np.zeros((1, *old.shape[1:]), np.float32)
        if not n_labels:
            return np.concatenate([old, zeros])
        mean = np.array(list(self.label_shares.values()), np.float32) @ of_labels
        return np.concatenate([of_characters + mean, of_labels - mean, zeros])

    def _places(self, counted, n_old, alphabet, labels):
        """Return where along an axis the old weights of characters and labels are, -1 for none."""
        place = {character: i for i, character in enumerate(self.alphabet.tolist())}
        places = [place.get(character, NONE) for character in alphabet.tolist()]
        if counted == INPUTS:
            start = len(place)  # of a name; then comes an unknown character
            of_labels = {label: start + 2 + i for i, label in enumerate(self.label_shares)}
            places += [start, start + 1, *(of_labels.get(label, n_old - 1) for label in labels)]
        return np.array(places)


def base_share(n_names: int) -> float:
    """Return the weight of the network from the base in the average with others.

    Fitted to held-out losses of lists that the base was made without, of 20 to 30,000 names.
    """
    return 1 / (1 + (n_names / 5000) ** 0.6)


def choose_pretrained(
    params: Mapping[str, Any], corpus: Corpus, sequences: Sequences
) -> Pretrained | None:
    """Return what a first fit starts from; None: random weights only."""
    pretrained = find_pretrained(params["init"])
    if pretrained is None or not pretrained.knows(corpus.alphabet_):
        return None
    if is_auto(params["init"]):
        is_text = corpus.max_length_ is None
        if is_text or not pretrained.beats_guessing(corpus, sequences):
            return None
    return pretrained


def pretrained_of(generator: BaseCharGenerator) -> Pretrained:
    """Return the networks of a fitted generator, none if it is of another kind."""
    corpus, model = fitted(generator).corpus, fitted(generator).model
    models = [component.model for component in getattr(model, "components", ())]
    networks = [model for model in models if isinstance(model, LSTM)]
    shares = dict(zip(corpus.labels, corpus.label_shares.tolist(), strict=True))
    return Pretrained(corpus.alphabet_, networks, shares)


def find_pretrained(init: Any) -> Pretrained | None:
    """Return the networks that `init` of a `CharLSTMGenerator` names, or None."""
    if init is None or isinstance(init, Pretrained):
        return init
    if isinstance(init, str) and init in ("auto", "base"):
        return _base()
    generator = init.estimator if isinstance(init, FrozenEstimator) else init
    if isinstance(generator, Pipeline):
        generator = generator[-1]
    is_generator = isinstance(generator, BaseCharGenerator)
    if is_generator and not hasattr(generator, "alphabet_"):
        raise NotFittedError(
            f"init must be a fitted generator. Got {generator!r}, which is not. Where it was: "
            "pipelines and searches clone what they are given, which undoes a fit unless it is "
            "frozen, as by init=sklearn.frozen.FrozenEstimator(generator)."
        )
    pretrained = pretrained_of(generator) if is_generator else None
    if pretrained is None or not pretrained.networks:
        raise TypeError(
            f"init must be 'auto', None, 'base' or a fitted CharLSTMGenerator. Got {init!r:.200}."
        )
    return pretrained


def write_pretrained(generator: BaseCharGenerator, file: BinaryIO) -> None:
    """Write the networks of a generator without labels to a file that `read_pretrained` reads.

    Their weights are rounded to 16 bits.
    """
    arrays: dict[str, Any] = {
        f"networks.{number}.{name}": weight.astype(np.float16)
        for number, network in enumerate(pretrained_of(generator).networks)
        for name, weight in network.weights.items()
    }
    np.savez_compressed(file, alphabet=generator.alphabet_, **arrays)


def read_pretrained(file: Any) -> Pretrained:
    """Read what `write_pretrained` wrote; nothing in the file is run."""
    with np.load(file, allow_pickle=False) as arrays:
        weights = {name: arrays[name] for name in arrays}
    alphabet: Any = weights.pop("alphabet", None)
    by_network: dict[str, dict[str, Any]] = {}
    for name, weight in weights.items():
        number, _, of_network = name.removeprefix("networks.").partition(".")
        by_network.setdefault(number, {})[of_network] = weight
    networks = [LSTM(weights) for weights in by_network.values()]
    if not is_alphabet(alphabet) or {net.n_characters for net in networks} != {len(alphabet)}:
        raise corrupt_file_error("The pretrained network", "one for its alphabet")
    return Pretrained(alphabet, networks, {})


@cache
def _base() -> Pretrained:
    """Return the base model that comes with the package."""
    with bundled_file("base.npz").open("rb") as file:
        return read_pretrained(file)
