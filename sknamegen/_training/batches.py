"""Sequences as batches of tensors."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .._alphabet import NONE
from .._models.ngrams import NGrams
from .._parallel import MAX_CELLS, blocks
from .._sequences import Sequences

# Of joined windows one step in so many is learned. Windows below `_SHORT` are not joined: those of
# six characters lost 0.007 nats by it.
_TARGETS, _SHORT = 4, 8
_TOGETHER = 256  # sequences of a name in a batch, at most


def join_windows(sequences: Sequences) -> Sequences:
    """Join later windows of names, of which each has one target and costs as much as a name.

    From the end of a name, a quarter of a window at a time becomes one sequence, with the targets
    of all these windows. They are predicted from at least three quarters of a window there,
    instead of from a whole one.
    """
    name, n_steps = sequences.name_index, sequences.inputs.shape[1]
    n_joined = 1 if n_steps < _SHORT else -(-n_steps // _TARGETS)
    n_names = len(np.unique(name))  # whose first windows come first
    later = name[n_names:]
    n_behind = np.searchsorted(later, later, side="right") - 1 - np.arange(len(later))
    last = n_names + np.flatnonzero(n_behind % n_joined == 0)
    joined = sequences.take(np.append(np.arange(n_names), last))
    for back in range(1, n_joined):
        before = last - back
        (own,) = np.nonzero((before >= n_names) & (name[before] == name[last]))
        joined.targets[n_names + own, -1 - back] = sequences.targets[before[own], -1]
    return joined


class SequenceDataset(Dataset):
    """Sequences of indices as a dataset whose items are whole batches of names.

    With n-grams, each target comes with their distribution as well. The sequences of a name stand
    together, in `first` to the next one; those of a very long name count as several names, and of
    running text each is a name of its own.
    """

    def __init__(self, sequences: Sequences, ngrams: NGrams | None = None, is_text: bool = False):
        if not is_text:
            sequences = sequences.take(np.argsort(sequences.name_index, kind="stable"))
        n_rows, names = len(sequences.inputs), sequences.name_index
        place = np.arange(n_rows) - np.searchsorted(names, names)  # within its name
        starts = np.flatnonzero(place % (1 if is_text else _TOGETHER) == 0)
        self.first = torch.from_numpy(np.append(starts, n_rows))
        self.inputs = torch.from_numpy(sequences.inputs)
        self.targets = torch.from_numpy(sequences.targets)
        self.labels = torch.from_numpy(sequences.labels)
        self.weights: Any = None
        if sequences.weights is not None:
            self.weights = torch.from_numpy(sequences.weights[starts])
        n_targets = sequences.has_target.sum(1)
        self.n_targets: Any = (
            torch.from_numpy(np.add.reduceat(n_targets, starts)) if n_rows else None
        )
        steps = np.arange(1, sequences.inputs.shape[1] + 1)
        self.lengths = torch.from_numpy(np.where(sequences.has_target, steps, 0).max(1, initial=0))
        self.ngrams = ngrams
        self.proba: Any = None
        if ngrams:
            self._find_contexts(sequences, ngrams)

    def _find_contexts(self, sequences, ngrams):
        """Number the context of each target; look up the distributions if they are few."""
        contexts = np.zeros(sequences.targets.shape, dtype=np.int64)
        for block in blocks(len(contexts), 0):
            part = sequences.take(block)
            ids = ngrams.find(part.contexts(ngrams.order - 1, ngrams.n_labels))
            contexts[block][part.has_target] = ids
        if contexts.size * ngrams.n_characters <= MAX_CELLS:
            known, contexts = np.unique(contexts, return_inverse=True)
            self.proba = torch.from_numpy(ngrams.proba(known)).float()
        self.contexts = torch.from_numpy(contexts).view(self.targets.shape)

    def __len__(self) -> int:
        return len(self.first) - 1

    def __getitem__(self, names: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the sequences of some names as one batch, cut to the longest sequence.

        Parameters
        ----------
        names : int64 tensor of shape (n_names,)

        Returns
        -------
        inputs : dict
            "inputs", shape (batch, time), "labels", shape (batch,), and, if most positions
            have no target, "where", shape (n_targets,): those in ``batch * time`` that have.
        targets : dict
            "characters", int64 of shape (n_targets or batch * time,), -1 where there is none
            after all; with n-grams also "proba", float32 of shape
            (n_targets or batch * time, n_characters), their distributions.
        """
        first, n = self.first[names], self.first[names + 1] - self.first[names]
        rows = torch.arange(int(n.sum())) + (first - n.cumsum(0) + n).repeat_interleave(n)
        rows = rows[self.lengths[rows] > 0]
        n_steps = int(self.lengths[rows].max())
        inputs = {"inputs": self.inputs[rows, :n_steps], "labels": self.labels[rows]}
        characters = self.targets[rows, :n_steps].flatten().long()
        where: Any = slice(None)
        # A few predictions at padding cost less than leaving them out.
        if 2 * int(self.n_targets[names].sum()) < len(characters):
            where = inputs["where"] = (characters != NONE).nonzero().squeeze(1)
        targets = {"characters": characters[where]}
        if self.ngrams:
            contexts = self.contexts[rows, :n_steps].flatten()[where]
            if self.proba is None:
                targets["proba"] = torch.from_numpy(self.ngrams.proba(contexts.numpy())).float()
            else:
                targets["proba"] = self.proba[contexts]
        return inputs, targets


class LengthGroupedBatches:
    """Iterate over batches of names that are alike in length.

    Names without targets are left out. Where names have weights, an iteration takes as many as
    there are, each as often as its share of the weights asks for: the whole number below that or
    above it, at random.

    Parameters
    ----------
    dataset : SequenceDataset
    batch_size : int
        Names in a batch.
    generator : torch.Generator, default=None
        Shuffles the names of a length and the order of the batches, anew in
        each iteration; None: no shuffling.
    part : tuple of (int, int), default=(0, 1)
        Which part of each batch to take, and how many parts there are: for processes that
        share the work and have generators of the same seed. All get as many batches.
    """

    def __init__(
        self,
        dataset: SequenceDataset,
        batch_size: int,
        generator: torch.Generator | None = None,
        part: tuple[int, int] = (0, 1),
    ):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator
        self.part = part

    def __len__(self) -> int:
        n_names, n_parts = int((self.dataset.n_targets > 0).sum()), self.part[1]
        return max(1, min(-(-n_names // self.batch_size), n_names // n_parts))

    @property
    def mean_targets(self) -> float:
        """Targets that a part of a batch is expected to hold."""
        n_targets, weights = self.dataset.n_targets.double(), self.dataset.weights
        if weights is not None:
            has_targets = n_targets > 0
            n_targets = n_targets * weights * (has_targets.sum() / weights[has_targets].sum())
        return float(n_targets.sum()) / (len(self) * self.part[1])

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], dict[str, Tensor]]]:
        return (self.dataset[names] for names in self.names())

    def names(self) -> list[Tensor]:
        """Return the names of each batch, a list of int64 tensors."""
        order, n_targets = self._permutation(len(self.dataset)), self.dataset.n_targets
        order = order[n_targets[order] > 0]
        if self.dataset.weights is not None:
            order = self._resample(order)
        order = order[n_targets[order].argsort(stable=True)]
        first, n_parts = self.part
        if n_parts == 1:
            batches = order.split(self.batch_size)
        else:  # no part of a batch may be empty
            batches = tuple(batch[first::n_parts] for batch in order.tensor_split(len(self)))
        return [batches[i] for i in self._permutation(len(batches))]

    def _resample(self, names):
        """Draw as many names in proportion to their weights, by systematic sampling."""
        cumulative = self.dataset.weights[names].cumsum(0)
        offset = torch.rand(1, generator=self.generator, dtype=torch.float64)
        ticks = (torch.arange(len(names)) + offset) / len(names) * cumulative[-1]
        return names[torch.searchsorted(cumulative, ticks, right=True).clamp(max=len(names) - 1)]

    def _permutation(self, n):
        if self.generator is None:
            return torch.arange(n)
        return torch.randperm(n, generator=self.generator)
