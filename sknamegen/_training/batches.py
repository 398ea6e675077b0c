"""Convert names and running texts to batches of tensors."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from .._data.sequences import Sequences
from .._models.ngrams import NGrams
from .._parallel import MAX_CELLS
from .._text.alphabet import NONE
from .._types import Ints


def join_windows(sequences: Sequences) -> Sequences:
    """Join the later windows of each name, which have one target but cost as much as a name.

    Going back from the end of a name, each group of consecutive windows becomes one sequence with
    all of their targets. A group has a quarter as many windows as a window has characters, so each
    target keeps a context of at least three quarters of a window. Windows of fewer than eight
    characters are not joined, because joining windows of six raised the loss by 0.007 nats.
    """
    n_steps = sequences.inputs.shape[1]
    n_joined = 1 if n_steps < 8 else -(-n_steps // 4)
    first = np.flatnonzero(sequences.has_start)
    later = np.flatnonzero(~sequences.has_start)
    names = sequences.name_index[later]
    n_before = np.arange(len(later)) - np.searchsorted(names, names)
    n_following = np.searchsorted(names, names, side="right") - 1 - np.arange(len(later))
    is_last = n_following % n_joined == 0
    last, n_before = later[is_last], n_before[is_last]
    joined = sequences.take(np.append(first, last))
    for distance in range(1, n_joined):
        rows = np.flatnonzero(n_before >= distance)
        targets = sequences.targets[last[rows] - distance, -1]
        joined.targets[len(first) + rows, -1 - distance] = targets
    return joined


class SequenceDataset(Dataset):
    """Dataset of sequences of indices, whose items are whole batches of names.

    With `ngrams`, each target comes with the distribution that the n-gram model predicts. The
    sequences of name i are the rows from ``starts[i]`` to ``starts[i + 1]``. A very long name
    counts as several names, of 256 sequences each.
    """

    def __init__(self, sequences: Sequences, ngrams: NGrams | None = None):
        sequences = sequences.take(np.argsort(sequences.name_index, kind="stable"))
        n_rows, name_index = len(sequences.inputs), sequences.name_index
        position = np.arange(n_rows) - np.searchsorted(name_index, name_index)  # within the name
        starts = np.flatnonzero(position % 256 == 0)
        self.starts = torch.from_numpy(np.append(starts, n_rows))
        self.inputs = torch.from_numpy(sequences.inputs)
        self.targets = torch.from_numpy(sequences.targets)
        self.labels = torch.from_numpy(sequences.labels)
        weights = sequences.weights
        self.weights = None if weights is None else torch.from_numpy(weights[starts])
        n_targets = sequences.has_target.sum(1)
        self.n_targets = torch.from_numpy(np.add.reduceat(n_targets, starts))
        self.lengths = torch.from_numpy(sequences.lengths)
        self.ngrams = ngrams
        self.proba: Tensor | None = None
        if ngrams:  # Find each target's context.
            contexts = np.zeros(sequences.targets.shape, dtype=np.int64)
            parts = (part.contexts(ngrams.order - 1) for part in sequences.blocks(0))
            contexts[sequences.has_target] = np.concatenate(list(map(ngrams.find, parts)))
            if contexts.size * ngrams.n_characters <= MAX_CELLS:  # The distributions fit in memory.
                distinct_contexts, contexts = np.unique(contexts, return_inverse=True)
                self.proba = torch.from_numpy(ngrams.proba(distinct_contexts)).float()
            self.contexts = torch.from_numpy(contexts).view(self.targets.shape)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, names: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the sequences of some names as one batch, trimmed to the longest sequence.

        Parameters
        ----------
        names : int64 tensor of shape (n_names,)

        Returns
        -------
        inputs : dict
            "inputs" has shape (batch, time), "labels" shape (batch,). If most positions have no
            target, "positions", shape (n_targets,), lists the positions in ``batch * time`` that
            have a target.
        targets : dict
            "characters" is int64 of shape (n_targets or batch * time,), -1 without a target. With
            n-grams, "proba", float32 of shape (n_targets or batch * time, n_characters), contains
            their distributions.
        """
        starts, n = self.starts[names], self.starts[names + 1] - self.starts[names]
        rows = torch.arange(int(n.sum())) + (starts - n.cumsum(0) + n).repeat_interleave(n)
        rows = rows[self.lengths[rows] > 0]
        n_steps = int(self.lengths[rows].max())
        inputs = {"inputs": self.inputs[rows, :n_steps], "labels": self.labels[rows]}
        characters = self.targets[rows, :n_steps].flatten().long()
        positions: Tensor | slice = slice(None)
        # A few predictions for padding cost less than selecting the other positions.
        if 2 * int(self.n_targets[names].sum()) < len(characters):
            positions = inputs["positions"] = (characters != NONE).nonzero().squeeze(1)
        targets = {"characters": characters[positions]}
        if self.ngrams:
            contexts = self.contexts[rows, :n_steps].flatten()[positions]
            if self.proba is None:
                targets["proba"] = torch.from_numpy(self.ngrams.proba(contexts.numpy())).float()
            else:
                targets["proba"] = self.proba[contexts]
        return inputs, targets


@dataclass(eq=False)
class LengthGroupedBatches:
    """Batches of names of similar length, excluding names without targets.

    If names have weights, each iteration resamples them without changing their number. The expected
    number of copies of each name is rounded up or down at random.

    Parameters
    ----------
    dataset : SequenceDataset
    batch_size : int
        Number of names per batch.
    generator : torch.Generator, default=None
        Shuffles names of equal length, and the batches, in each iteration. None: no shuffling.
    shard : tuple of (int, int), default=(0, 1)
        Index of the shard to return from each batch, and number of shards. Processes that train
        together use different indices and generators with the same seed. All shards have the same
        number of batches.
    n_similar : int, default=0
        Number of names at the end of the dataset whose weights halve in each iteration, from eight
        times to half their weights in the dataset.
    n_epochs : int, default=0
        Number of iterations to come.
    """

    dataset: SequenceDataset
    batch_size: int
    generator: torch.Generator | None = None
    shard: tuple[int, int] = (0, 1)
    n_similar: int = 0
    n_epochs: int = 0

    def __len__(self) -> int:
        n_names, n_shards = int((self.dataset.n_targets > 0).sum()), self.shard[1]
        return max(1, min(-(-n_names // self.batch_size), n_names // n_shards))

    @property
    def mean_targets(self) -> float:
        """Expected number of targets per shard of a batch."""
        n_targets, weights = self.dataset.n_targets.double(), self.dataset.weights
        if weights is not None:
            has_targets = n_targets > 0
            n_targets = n_targets * weights * (has_targets.sum() / weights[has_targets].sum())
        return float(n_targets.sum()) / (len(self) * self.shard[1])

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], dict[str, Tensor]]]:
        return (self.dataset[names] for names in self.names())

    def names(self) -> list[Tensor]:
        """Return the name indices of each batch, as a list of int64 tensors."""
        order, n_targets = self._permutation(len(self.dataset)), self.dataset.n_targets
        order = order[n_targets[order] > 0]
        if self.dataset.weights is not None:
            self.n_epochs -= 1
            weights = self.dataset.weights.clone()
            weights[len(weights) - self.n_similar :] *= 2.0 ** min(self.n_epochs - 1, 3)
            order = self._resample(order, weights[order])
        order = order[n_targets[order].argsort(stable=True)]
        shard, n_shards = self.shard
        batches = order.split(self.batch_size)
        if n_shards > 1:  # No shard of a batch may be empty.
            batches = tuple(batch[shard::n_shards] for batch in order.tensor_split(len(self)))
        return [batches[i] for i in self._permutation(len(batches))]

    def _resample(self, names: Tensor, weights: Tensor) -> Tensor:
        """Draw len(names) names in proportion to their weights, by systematic sampling."""
        cumulative = weights.cumsum(0)
        offset = torch.rand(1, generator=self.generator, dtype=torch.float64)
        ticks = (torch.arange(len(names)) + offset) / len(names) * cumulative[-1]
        return names[torch.searchsorted(cumulative, ticks, right=True).clamp(max=len(names) - 1)]

    def _permutation(self, n: int) -> Tensor:
        generator = self.generator
        return torch.randperm(n, generator=generator) if generator else torch.arange(n)


class TextDataset(Dataset):
    """Dataset of running texts, cut into pieces of `length` characters from their beginnings."""

    def __init__(self, texts: Sequences, length: int):
        n_pieces = -(-texts.lengths // length)
        n_texts, width = len(n_pieces), int(n_pieces.max(initial=0)) * length
        is_piece = np.arange(width // length) < n_pieces[:, None]

        def cut(columns: Ints) -> Tensor:
            padding = (0, 0), (0, max(0, width - columns.shape[1]))
            columns = np.pad(columns, padding, constant_values=NONE)[:, :width]
            return torch.from_numpy(columns.reshape(n_texts, width // length, length)[is_piece])

        self.inputs, self.targets = cut(texts.inputs).clamp(min=0), cut(texts.targets)
        self.text_index = torch.from_numpy(np.repeat(np.arange(n_texts), n_pieces))
        self.is_first = torch.from_numpy(np.nonzero(is_piece)[1] == 0)
        self.labels = torch.from_numpy(texts.labels)
        weights = np.ones(n_texts) if texts.weights is None else texts.weights
        self.weights = torch.from_numpy(weights).float()

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, pieces: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return a piece of each row as one batch. For a piece of -1, nothing is predicted.

        Returns
        -------
        inputs : dict
            "inputs" has shape (n_rows, length). "labels" and "is_first", whether a piece is the
            first of its text, have shape (n_rows,).
        targets : dict
            "characters" is int64 of shape (n_rows * length,), -1 without a target. "weights", the
            weights of their texts, have the same shape.
        """
        texts = self.text_index[pieces]
        inputs = {"inputs": self.inputs[pieces], "labels": self.labels[texts]}
        inputs["is_first"] = self.is_first[pieces]
        characters = self.targets[pieces].long().where(pieces[:, None] >= 0, NONE).flatten()
        weights = self.weights[texts].repeat_interleave(self.inputs.shape[1])
        return inputs, {"characters": characters, "weights": weights}


@dataclass(eq=False)
class TextRows:
    """Batches of pieces of running text. Row i of a batch continues row i of the batch before.

    Each iteration joins the texts in random order, beginning with a random piece, and cuts the
    result into `batch_size` rows. The parameters are as in `LengthGroupedBatches`, and a shard is a
    part of the rows.
    """

    dataset: TextDataset
    batch_size: int
    generator: torch.Generator | None = None
    shard: tuple[int, int] = (0, 1)

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    @property
    def mean_targets(self) -> float:
        """Expected weight of the targets per shard of a batch."""
        n_targets = (self.dataset.targets != NONE).sum(1)
        total = n_targets.double() @ self.dataset.weights[self.dataset.text_index].double()
        return float(total) / (len(self) * self.shard[1])

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], dict[str, Tensor]]]:
        pieces, (shard, n_shards) = self.pieces(), self.shard
        pieces = F.pad(pieces, (0, -len(pieces) % len(self)), value=-1)
        for number, column in enumerate(pieces.view(-1, len(self))[shard::n_shards].T):
            inputs, targets = self.dataset[column]
            inputs["is_first"] |= number == 0
            yield inputs, targets

    def pieces(self) -> Tensor:
        """Return the order in which pieces are read."""
        text_index, generator = self.dataset.text_index, self.generator
        if generator is None:
            return torch.arange(len(text_index))
        ranks = torch.randperm(len(self.dataset.labels), generator=generator)
        start = int(torch.randint(len(text_index), (), generator=generator))
        return ranks[text_index].argsort(stable=True).roll(start)
