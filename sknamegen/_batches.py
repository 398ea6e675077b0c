"""Windows to the sequences a network runs over, and those to batches.

Windows that begin with padding are nested prefixes of each other, so one pass
over the longest of them gives the predictions for all: one sequence a name, with
a target at each step. A later window, which no longer holds the start, is a
sequence of its own with a target at its last step.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from ._codepoints import END, N_CODE_POINTS, PAD, START
from ._kneser_ney import contexts_and_characters

# The class that torch's losses leave out by default.
NO_TARGET = -100
# Windows copied at a time; a GiB of them.
_MAX_CELLS = 2**28
# Probabilities that n-grams give in advance; 128 MiB of them.
_MAX_PROBA = 2**25
BLOCK_ROWS = 65_536


class Sequences(NamedTuple):
    """What windows hold, each position once.

    Attributes
    ----------
    inputs : ndarray of shape (n_sequences, n_steps), dtype int32
        Code points, from the first on; the steps behind a sequence's last
        target mean nothing.
    targets : ndarray of shape (n_sequences, n_steps), dtype int32
        The code point to predict at each step, U+0000 where there is none.
    owner : ndarray of shape (n_sequences,), dtype int64
        The row of the windows each sequence comes from.
    """

    inputs: np.ndarray
    targets: np.ndarray
    owner: np.ndarray


def check_windows(X, window_length=None):
    """Return windows as an integer array, or say what is wrong with them.

    Parameters
    ----------
    X : array-like of shape (n_names, n_positions, width), dtype int
        What `CharSequenceVectorizer` gives.
    window_length : int, default=None
        The expected ``width - 1``; None: any.

    Returns
    -------
    X : ndarray of shape (n_names, n_positions, width), dtype int
    """
    expected = "X must be windows of code points, shape (n_names, n_positions, window_length + 1)"
    fix = "put a CharSequenceVectorizer in front, for example in a Pipeline"
    if not isinstance(X, np.ndarray):
        try:
            X = np.asarray(X)
        except ValueError:
            raise ValueError(f"{expected}. Got a ragged {type(X).__name__}; {fix}.") from None
    if X.dtype.kind in "UOST":
        raise TypeError(f"{expected}. Got text or objects (dtype {X.dtype}); {fix}.")
    if X.ndim != 3 or X.shape[2] < 2:
        raise ValueError(f"{expected}. Got shape {X.shape}; {fix}.")
    if X.dtype.kind not in "iu":
        raise TypeError(f"{expected}, of an integer dtype. Got dtype {X.dtype}; {fix}.")
    if 0 in X.shape:
        raise ValueError(f"{expected}, with at least one name. Got shape {X.shape}.")
    if window_length is not None and X.shape[2] != window_length + 1:
        raise ValueError(
            f"X must have the window_length seen in fit, {window_length}: windows of width "
            f"{window_length + 1}. Got width {X.shape[2]}."
        )
    return X


def sequences_from_windows(X):
    """Turn windows into sequences, checking them on the way.

    Parameters
    ----------
    X : ndarray of shape (n_names, n_positions, window_length + 1), dtype int
        Windows that passed `check_windows`.

    Returns
    -------
    sequences : Sequences
        First one for each name that holds windows with the start, in order,
        then one for each later window.

    Raises
    ------
    ValueError
        If the rows of X cannot come from `CharSequenceVectorizer`.
    """
    n_names, _, width = X.shape
    n_steps = width - 1
    targets = X[:, :, -1]
    # The start stands in the same column of a position in every row.
    is_start = X[0, :, :-1] == START  # (positions, steps)
    n_nested = int(is_start.any(axis=1).sum())
    start = is_start.argmax(axis=1)[:n_nested]

    inputs, nested_targets = np.empty((2, 0, n_steps), dtype=np.int32)
    owner = np.empty(0, dtype=np.int64)
    if n_nested:
        inputs = np.full((n_names, n_steps), PAD, dtype=np.int32)
        nested_targets = np.full((n_names, n_steps), PAD, dtype=np.int32)
        longest = X[:, n_nested - 1, :-1]
        first = start[-1]
        step = n_steps - 1 - start  # of each nested position
        _check_range(X[:, :n_nested, -1])
        inputs[:, : n_steps - first] = longest[:, first:]
        nested_targets[:, step] = targets[:, :n_nested]
        if (
            (np.diff(step) <= 0).any()
            or (longest[:, :first] != PAD).any()
            or (inputs[:, 0] != START).any()
            or (inputs[:, step[:-1] + 1] != targets[:, : n_nested - 1]).any()
            or is_start[n_nested:].any()
        ):
            raise ValueError(_MALFORMED)
        owner = np.arange(n_names)

    later_owner, later_position = np.nonzero(targets[:, n_nested:] != PAD)
    if len(later_owner) * width > _MAX_CELLS:
        raise ValueError(
            f"X must hold fewer windows behind the start of its rows: {len(later_owner):,} of "
            f"{n_steps:,} characters would take {len(later_owner) * width * 4 / 1e9:,.1f} GB, "
            "several times. Shorten or split the longest rows, or use a smaller window_length."
        )
    if len(later_owner):
        windows = X[later_owner, n_nested + later_position]
        _check_range(windows)
        if np.isin(windows[:, :-1], (PAD, START, END)).any():
            raise ValueError(_MALFORMED)
        later_targets = np.full((len(windows), n_steps), PAD, dtype=np.int32)
        later_targets[:, -1] = windows[:, -1]
        inputs = np.concatenate([inputs, windows[:, :-1].astype(np.int32)])
        nested_targets = np.concatenate([nested_targets, later_targets])
        owner = np.concatenate([owner, later_owner])
    return Sequences(inputs, nested_targets, owner)


_MALFORMED = (
    "X must be the windows that CharSequenceVectorizer gives: in each row the same start, the "
    "padding in front of it, and every window the next one's context. Got something else."
)


def _check_range(codes):
    if codes.min() < 0 or codes.max() >= N_CODE_POINTS:
        raise ValueError("X must hold Unicode code points, 0 to 0x10FFFF. Got others.")


class SequenceDataset(Dataset):
    """Sequences of indices as a dataset whose items are whole batches.

    Parameters
    ----------
    inputs : ndarray of shape (n_sequences, n_steps), dtype int32
        Indices of characters.
    targets : ndarray of shape (n_sequences, n_steps), dtype int32
        Indices of the characters to predict, `NO_TARGET` where there is none.
    ngrams : KneserNey or LabelledKneserNey, default=None
        Gives a distribution for each target as well.
    weights : ndarray of shape (n_sequences,), dtype float64, default=None
        How often each sequence counts, in proportion; None: all alike.
    """

    def __init__(self, inputs, targets, ngrams=None, weights=None):
        self.inputs = torch.from_numpy(inputs)
        self.targets = torch.from_numpy(targets)
        steps = torch.arange(1, inputs.shape[1] + 1, dtype=torch.int32)
        has_target = self.targets != NO_TARGET
        self.lengths = torch.where(has_target, steps, 0).amax(1)
        self.n_targets = has_target.sum(1)
        self.n_with_targets = int((self.lengths > 0).sum())
        self.weights = None if weights is None else torch.from_numpy(weights)
        self.ngrams = ngrams
        if ngrams:
            dtype = torch.int64 if ngrams.n_labels else torch.int32
            self.contexts = torch.zeros(targets.shape, dtype=dtype)
            for start in range(0, len(inputs), BLOCK_ROWS):
                block = slice(start, start + BLOCK_ROWS)
                contexts, _ = contexts_and_characters(
                    inputs[block],
                    targets[block],
                    ngrams.order - 1,
                    ngrams.n_characters,
                    ngrams.n_labels,
                )
                self.contexts[block][has_target[block]] = torch.from_numpy(ngrams.find(contexts))
            self.proba = None
            if self.contexts.numel() * ngrams.n_characters <= _MAX_PROBA:
                known, places = np.unique(self.contexts, return_inverse=True)
                self.proba = torch.from_numpy(ngrams.proba(known)).float()
                self.contexts = torch.from_numpy(places).view(targets.shape)

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, rows):
        """Return one batch, cut to its longest sequence.

        Parameters
        ----------
        rows : int64 tensor of shape (batch,)

        Returns
        -------
        inputs : dict
            "codes", shape (batch, time), and, if most positions have no target,
            "where", shape (n_targets,): those in ``batch * time`` that have.
        targets : dict
            "characters", int64 of shape (n_targets or batch * time,), `NO_TARGET`
            where there is none after all; with n-grams also "proba", float32 of shape
            (n_targets or batch * time, n_characters), their distributions.
        """
        n_steps = int(self.lengths[rows].max())
        inputs = {"codes": self.inputs[rows, :n_steps]}
        characters = self.targets[rows, :n_steps].flatten().long()
        where = slice(None)
        # A few predictions at padding cost less than leaving them out.
        if 2 * int(self.n_targets[rows].sum()) < len(characters):
            where = inputs["where"] = (characters != NO_TARGET).nonzero().squeeze(1)
        targets = {"characters": characters[where]}
        if self.ngrams:
            contexts = self.contexts[rows, :n_steps].flatten()[where]
            if self.proba is None:
                targets["proba"] = torch.from_numpy(self.ngrams.proba(contexts.numpy())).float()
            else:
                targets["proba"] = self.proba[contexts]
        return inputs, targets


class LengthGroupedBatches:
    """Iterate over batches of sequences that are alike in length.

    Sequences without targets are left out. Where sequences have weights, an iteration takes as
    many as there are, each as often as its part of the weights asks for: the whole number below
    that or above it, at random.

    Parameters
    ----------
    dataset : SequenceDataset
    batch_size : int
        Sequences in a batch.
    generator : torch.Generator, default=None
        Shuffles the sequences of a length and the order of the batches, anew in
        each iteration; None: no shuffling.
    part : tuple of (int, int), default=(0, 1)
        Which part of each batch to take, and how many parts there are: for processes that
        share the work and have generators of the same seed. All get as many batches.
    """

    def __init__(self, dataset, batch_size, generator=None, part=(0, 1)):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator
        self.part = part

    def __len__(self):
        n_rows, n_parts = self.dataset.n_with_targets, self.part[1]
        return max(1, min(-(-n_rows // self.batch_size), n_rows // n_parts))

    def __iter__(self):
        return (self.dataset[rows] for rows in self.rows())

    def rows(self):
        """Return the row numbers of each batch, a list of int64 tensors."""
        order = self._permutation(len(self.dataset))
        order = order[self.dataset.lengths[order] > 0]
        if self.dataset.weights is not None:
            order = self._resample(order)
        order = order[self.dataset.lengths[order].argsort(stable=True)]
        first, n_parts = self.part
        if n_parts == 1:
            batches = order.split(self.batch_size)
        else:  # no part of a batch may be empty
            batches = [batch[first::n_parts] for batch in order.tensor_split(len(self))]
        return [batches[i] for i in self._permutation(len(batches))]

    def _resample(self, rows):
        """Draw as many rows in proportion to their weights, by systematic sampling."""
        cumulative = self.dataset.weights[rows].cumsum(0)
        offset = torch.rand(1, generator=self.generator, dtype=torch.float64)
        ticks = (torch.arange(len(rows)) + offset) / len(rows) * cumulative[-1]
        return rows[torch.searchsorted(cumulative, ticks, right=True).clamp(max=len(rows) - 1)]

    def _permutation(self, n):
        if self.generator is None:
            return torch.arange(n)
        return torch.randperm(n, generator=self.generator)
