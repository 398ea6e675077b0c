"""What a training starts from: networks that know names, laid out for another list."""

from collections.abc import Mapping
from functools import cache
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from .._alphabet import END_UNIT, NONE, category, is_alphabet, is_special_latin, script
from .._base import BaseCharGenerator
from .._models.lstm import LSTM
from .._models.model import CHARACTERS, GATES, INPUTS, Network, networks_of
from .._sequences import Sequences
from .._validation import damaged
from ..datasets import bundled_file


class Origin(NamedTuple):
    """What a training starts from: the base, another generator, the last fit, or a file.

    Attributes
    ----------
    alphabet : ndarray of shape (n_characters,), dtype str
        What the indices of the characters mean.
    networks : list of Network
    label_shares : dict of object to float
        How frequent each label was, in the order of their indices.
    """

    alphabet: NDArray[np.str_]
    networks: list[Network]
    label_shares: dict[Any, float]

    def knows(self, characters: NDArray[np.str_]) -> bool:
        """Whether at least half of the characters are known, the end of a name aside."""
        characters = characters[characters != END_UNIT]
        return bool(2 * np.isin(characters, self.alphabet).sum() >= len(characters))

    def kin_of(self, characters: NDArray[np.str_]) -> NDArray[np.str_]:
        """Return the known characters that are of a kind with one of some, and not among them.

        They are of the same script and general category. So a letter that happens to be missing
        from a few names may be written. Latin letters of some languages only may not: most of
        them belong to other languages than the names.
        """
        kinds = {(script(each), category(each)) for each in characters.tolist()}
        is_kin = [
            (script(each), category(each)) in kinds and not is_special_latin(each)
            for each in self.alphabet.tolist()
        ]
        return np.setdiff1d(self.alphabet[is_kin], characters)

    def log_proba(self, sequences: Sequences, alphabet: NDArray[np.str_]) -> NDArray[np.float64]:
        """Compute the log-probability of each target that is known, by the first network as it is.

        Indices of `sequences` are those of `alphabet`, and only its characters can come.
        """
        n_known = len(self.alphabet)
        place = np.searchsorted(self.alphabet, alphabet)
        is_known = self.alphabet[np.minimum(place, n_known - 1)] == alphabet
        # Behind the characters come the start of a name, an unknown one, and none at all.
        index = np.array([*np.where(is_known, place, n_known + 1), n_known, n_known + 1, NONE])
        targets = index[sequences.targets].astype(np.int32)
        targets[targets == n_known + 1] = NONE
        inputs = index[sequences.inputs].astype(np.int32)
        logits = self.networks[0].logits(sequences._replace(inputs=inputs, targets=targets))
        of_targets = np.take_along_axis(logits, targets[targets != NONE][:, None], axis=1)[:, 0]
        return of_targets - logsumexp(logits[:, place[is_known]], axis=1)

    def move(
        self,
        number: int,
        weights: dict[str, NDArray[np.float32]],
        alphabet: NDArray[np.str_],
        labels: list[Any],
        share: float,
    ) -> dict[str, NDArray[np.float32]]:
        """Move weights of a network by a share, above a half, of the way to those of one of here.

        Characters that are not known keep their own, and so do units that are not there.
        """
        toward = np.float64(np.float32(share) - 1)
        return {
            name: self._moved(self.networks[number], name, own, alphabet, labels, toward)
            for name, own in weights.items()
        }

    def _moved(self, network, name, own, alphabet, labels, toward):
        old, is_known = network.weights[name], np.ones(own.shape, dtype=bool)
        for axis, counted in enumerate(network.axes[name]):
            if counted == INPUTS:
                old = np.moveaxis(self._labels_apart(np.moveaxis(old, axis, 0)), 0, axis)
            places = self._places(counted, old.shape[axis], own.shape[axis], alphabet, labels)
            old = old.take(places, axis=axis)
            is_known &= np.expand_dims(places >= 0, [a for a in range(own.ndim) if a != axis])
        return np.where(is_known, old + toward * (old - own), own).astype(np.float32)

    def _labels_apart(self, old):
        """Add to the vectors of characters the mean of those of labels, which lose it.

        Behind them come zeros, for a label that is new.
        """
        n_labels = len(self.label_shares)
        of_characters, of_labels = old[: len(old) - n_labels], old[len(old) - n_labels :]
        zeros = np.zeros((1, *old.shape[1:]), np.float32)
        if not n_labels:
            return np.concatenate([old, zeros])
        mean = np.array(list(self.label_shares.values()), np.float32) @ of_labels
        return np.concatenate([of_characters + mean, of_labels - mean, zeros])

    def _places(self, counted, n_old, n_new, alphabet, labels):
        """Return where along an axis of the old weights those of the new ones stand, or -1."""
        if counted in (CHARACTERS, INPUTS):
            place = {character: i for i, character in enumerate(self.alphabet.tolist())}
            places = [place.get(character, -1) for character in alphabet.tolist()]
            if counted == INPUTS:
                start = len(place)  # of a name; then comes an unknown character
                of_labels = {label: start + 2 + i for i, label in enumerate(self.label_shares)}
                places += [start, start + 1, *(of_labels.get(label, n_old - 1) for label in labels)]
            return np.array(places)
        n_blocks = 4 if counted == GATES else 1
        units = np.arange(n_new // n_blocks)
        first = np.arange(n_blocks)[:, None] * (n_old // n_blocks)
        return np.where(units < n_old // n_blocks, first + units, -1).ravel()


def origin_of(generator: BaseCharGenerator) -> Origin:
    """Return what a fitted generator of networks has learned."""
    known = generator._known
    shares = dict(zip(known.labels, known.label_shares.tolist(), strict=True))
    return Origin(known.alphabet_, networks_of(generator._model), shares)


def find_origin(init: Any) -> Origin | None:
    """Return what `init` of a `CharLSTMGenerator` says to start from, or None."""
    if init is None or isinstance(init, Origin):
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
    if not is_generator or not networks_of(generator._model):
        raise TypeError(
            f"init must be 'auto', None, 'base' or a fitted CharLSTMGenerator. Got {init!r:.200}."
        )
    return origin_of(generator)


def write_origin(generator: BaseCharGenerator, file: BinaryIO) -> None:
    """Write the networks of a generator without labels to a file that `read_origin` reads.

    Their weights are rounded to 16 bits.
    """
    arrays: dict[str, Any] = {
        f"networks.{number}.{name}": weight.astype(np.float16)
        for number, network in enumerate(networks_of(generator._model))
        for name, weight in network.weights.items()
    }
    np.savez_compressed(file, alphabet=generator.alphabet_, **arrays)


def read_origin(file: Any) -> Origin:
    """Read what `write_origin` wrote; nothing in the file is run."""
    with np.load(file, allow_pickle=False) as arrays:
        weights = {name: arrays[name] for name in arrays}
    alphabet: Any = weights.pop("alphabet", None)
    if not is_alphabet(alphabet):
        raise damaged("alphabet", "different characters in the order of their code points")
    by_network: dict[str, Mapping[str, Any]] = {}
    for name, weight in weights.items():
        network, _, of_network = name.removeprefix("networks.").partition(".")
        by_network.setdefault(network, {})[of_network] = weight  # type: ignore[index]
    networks: list[Network] = [LSTM(each) for each in by_network.values()]
    if not networks or any(each.n_characters != len(alphabet) for each in networks):
        raise damaged("The network", "one for the alphabet")
    return Origin(alphabet, networks, {})


@cache
def _base() -> Origin:
    """Return the base model that comes with the package."""
    with bundled_file("base.npz").open("rb") as file:
        return read_origin(file)
