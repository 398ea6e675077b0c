"""What a network starts from: the weights of one that knows names, laid out for another list."""

import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from torch import Tensor

from .._base import BaseCharGenerator
from .._codepoints import END
from .._validation import check_saved_alphabet
from ..datasets import bundled_file
from .network import CharLSTM, check_saved_network

_SIZES = "hidden_size", "num_layers", "embedding_dim", "num_networks"


class Start(NamedTuple):
    """What a network starts from.

    Attributes
    ----------
    alphabet : ndarray of shape (n_characters,), dtype str
        What the indices of the characters mean.
    config : dict
        Arguments of `CharLSTM`.
    weights : dict of str to Tensor
        Its state dict.
    label_shares : dict of object to float
        How frequent each label was, in the order of their indices.
    """

    alphabet: NDArray[np.str_]
    config: dict[str, Any]
    weights: Mapping[str, Tensor]
    label_shares: dict[Any, float]

    def knows(self, characters: NDArray[np.str_]) -> bool:
        """Whether at least half of the characters are known, the end of a name aside."""
        characters = characters[characters != chr(END)]
        return bool(2 * np.isin(characters, self.alphabet).sum() >= len(characters))

    def with_kin(self, codes: NDArray[np.int32]) -> NDArray[np.int32]:
        """Add to code points the known characters that are of a kind with one of them.

        So a letter that happens to be missing from a few names may be written, and one of another
        script, or with an accent where the names have none, may not. None where most are unknown.
        """
        if not self.knows(codes.view("=U1")):
            return codes
        kinds = {_kind(chr(code)) for code in codes}
        kin = [ord(character) for character in self.alphabet.tolist() if _kind(character) in kinds]
        return np.union1d(codes, np.array(kin, dtype=np.int32))


def find_start(init: Any) -> Start | None:
    """Return what `init` of a `CharLSTMGenerator`, or a `Start`, says to start from, or None."""
    if init is None or isinstance(init, Start):
        return init
    if isinstance(init, str) and init == "base":
        return _base()
    generator = init.estimator if isinstance(init, FrozenEstimator) else init
    if isinstance(generator, Pipeline):
        generator = generator[-1]
    if isinstance(generator, BaseCharGenerator) and not hasattr(generator, "alphabet_"):
        raise NotFittedError(
            f"init must be a fitted generator. Got {generator!r}, which is not. Where it was: "
            "pipelines and searches clone what they are given, which undoes a fit unless it is "
            "frozen, as by init=sklearn.frozen.FrozenEstimator(generator)."
        )
    if not isinstance(getattr(generator, "_model", None), CharLSTM):
        raise TypeError(
            f"init must be None, 'base' or a fitted CharLSTMGenerator. Got {init!r:.200}."
        )
    model = generator._model
    shares: dict[Any, float] = {}
    if model.n_labels:
        counts = generator.class_count_ / generator.class_count_.sum()
        shares = dict(zip(generator.classes_.tolist(), counts.tolist(), strict=True))
    weights = {name: weight.cpu() for name, weight in model.state_dict().items()}
    return Start(generator.alphabet_, model.config, weights, shares)


def _kind(character):
    """Return script, category such as small letter, and whether it is plain ASCII."""
    script = unicodedata.name(character, character).split(" ")[0]
    return script, unicodedata.category(character), character.isascii()


@torch.no_grad()
def start_from(
    start: Start, network: CharLSTM, alphabet: NDArray[np.str_], labels: list[Any], share: float
) -> None:
    """Move the weights of a network by a share of the way to those of `start`.

    Characters that it does not know keep their own, and so do units that it does not have.
    """
    for number, one in enumerate(network.networks):
        given = _laid_out(start, number, alphabet.tolist(), labels)
        for name, weight in one.state_dict().items():
            n_gates = 4 if name.startswith("layers") else 1
            old = given[name].to(network.device)
            old = old.reshape(n_gates, len(old) // n_gates, -1)
            own = weight.view(n_gates, len(weight) // n_gates, -1)
            own = own[:, : old.shape[1], : old.shape[2]]
            own.copy_(torch.where(old.isnan(), own, own.lerp(old, share)))


def _laid_out(start, number, characters, labels):
    """Return weights of `start` for other characters and labels, NaN for unknown characters.

    Where it had labels, the mean of their vectors, by their frequency, goes to the characters, and
    a label has what its vector is apart from that; a new one has zeros.
    """
    prefix, n_known = f"networks.{number}.", len(start.alphabet)
    given = {name.removeprefix(prefix): weight for name, weight in start.weights.items()}
    places = {character: i for i, character in enumerate(start.alphabet.tolist())}
    rows = torch.tensor([places.get(character, -1) for character in characters])
    is_known = (rows >= 0)[:, None]
    given["head.bias"] = given["head.bias"][:, None]
    for name in ("head.weight", "head.bias"):
        given[name] = torch.where(is_known, given[name][rows], torch.nan)
    is_one_hot = start.config["embedding_dim"] is None
    name = "layers.0.weight_ih_l0" if is_one_hot else "embedding.weight"
    old = given[name].t() if is_one_hot else given[name]
    of_characters, of_labels = old[: n_known + 2], old[n_known + 2 :]
    known_labels, zeros = list(start.label_shares), torch.zeros_like(old[0])
    mean = zeros
    if known_labels:
        mean = torch.tensor(list(start.label_shares.values())).to(old) @ of_labels
    new = [
        torch.where(is_known, of_characters[rows], torch.nan) + mean,
        of_characters[n_known:] + mean,  # of the start, and of unknown characters
        *(
            of_labels[known_labels.index(label)][None] - mean
            if label in start.label_shares
            else zeros[None]
            for label in labels
        ),
    ]
    given[name] = torch.cat(new).t() if is_one_hot else torch.cat(new)
    return given


def write_start(generator: Any, file: BinaryIO) -> None:
    """Write the network of a generator without labels to a file that `read_start` reads.

    Its weights are rounded to 16 bits.
    """
    model = generator._model
    arrays: dict[str, Any] = {name: np.array(model.config[name]) for name in _SIZES}
    for name, weight in model.state_dict().items():
        arrays[name] = weight.half().cpu().numpy()
    np.savez_compressed(file, alphabet=generator.alphabet_, **arrays)


def read_start(file: Any) -> Start:
    """Read what `write_start` wrote; nothing in the file is run."""
    with np.load(file, allow_pickle=False) as arrays:
        weights = {name: arrays[name] for name in arrays}
    alphabet: Any = weights.pop("alphabet", None)
    check_saved_alphabet(alphabet)
    config: Any = {name: np.asarray(weights.pop(name, None)).tolist() for name in _SIZES}
    config |= {"n_characters": len(alphabet), "dropout": 0.0, "seed": 0, "n_labels": 0}
    check_saved_network(config, weights)
    tensors = {name: torch.from_numpy(weight).float() for name, weight in weights.items()}
    return Start(alphabet, config, tensors, {})


@cache
def _base():
    """Return the base model that comes with the package."""
    with bundled_file("base.npz").open("rb") as file:
        return read_start(file)
