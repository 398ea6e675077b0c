"""An LSTM as arrays: reads and predicts with numpy what torch has trained."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._sequences import Sequences
from .._validation import corrupt_file_error
from .contract import Indices, NextCharModel

Array = NDArray[np.float32]
# What the axes of the weights count. The inputs are the characters, the start of a name, an unknown
# character and the labels; there are four gates for each unit.
CHARACTERS, INPUTS, UNITS, GATES, VECTOR = "characters", "inputs", "units", "gates", "vector"
# The start of a name and an unknown character can be read, but not predicted.
_N_SPECIAL = 2
_MAX_LAYERS = 100
# Windows (n_rows, window_length), labels (n_rows,), and of each layer hidden state and memory, see
# `_Cells`, (n_rows, units).
State = tuple[Indices, Indices, list[tuple[Array, Array]]]


def axes(num_layers: int, is_one_hot: bool) -> dict[str, tuple[str, ...]]:
    """Return the names of an LSTM's weights, and what the axes of each count."""
    found: dict[str, tuple[str, ...]] = {} if is_one_hot else {"embedding.weight": (INPUTS, VECTOR)}
    inputs = INPUTS if is_one_hot else VECTOR
    for layer in range(num_layers):
        found[f"layers.{layer}.weight_ih_l0"] = GATES, inputs
        found[f"layers.{layer}.weight_hh_l0"] = GATES, UNITS
        found[f"layers.{layer}.bias_ih_l0"] = found[f"layers.{layer}.bias_hh_l0"] = (GATES,)
        inputs = UNITS
    return found | {"head.weight": (CHARACTERS, UNITS), "head.bias": (CHARACTERS,)}


class _Cells(NamedTuple):
    """Weights as reading one more character takes them.

    Gates stand in the order input, forget, output, candidate, each in an array of its own. States
    are the doubles of the hidden ones and of the memory, so that sigmoid(x), which is
    (tanh(x / 2) + 1) / 2, takes no more than a tanh and a sum, and the factors lie in the weights.
    """

    characters: Array  # (4, n_characters + 2, units), what each adds to the first gates
    labels: Array | None  # (4, n_labels + 1, units), likewise; no label is the last one
    recurrent: list[tuple[Array, Array]]  # of the layers, see `_both_ways`
    # From one layer to the next: weights, see `_both_ways`, and bias.
    between: list[tuple[tuple[Array, Array], Array]]
    head: tuple[Array, Array]  # (units, n_characters), (n_characters,)


class LSTM(NextCharModel):
    """Character-level LSTM (Hochreiter and Schmidhuber, 1997).

    It starts from a zero state at the first index of a context that is not -1. The vector of a
    label is added to that of each character.

    Parameters
    ----------
    weights : mapping of str to ndarray
        What `axes` names, in the layout of `torch.nn.LSTM`. Sizes are those of the arrays.

    Attributes
    ----------
    weights : dict of str to ndarray
        A copy, in float32.
    axes : dict of str to tuple of str
        What the axes of each weight count, of the constants of this module.
    sizes : dict of str to int or None
        The parameters of a generator that decide the shapes.

    Raises
    ------
    ValueError
        If the arrays do not fit each other, or hold numbers that are not finite. Nothing is
        built before that is known, so a file that lies about sizes costs neither time nor memory.
    """

    def __init__(self, weights: Mapping[str, Any]):
        if not isinstance(weights, Mapping) or not _fit_each_other(weights):
            expected = "weights that fit each other, all of them finite numbers"
            raise corrupt_file_error("The network", expected)
        self.weights = {name: np.array(weights[name], np.float32) for name in sorted(weights)}
        self.n_characters, self.hidden_size = self.weights["head.weight"].shape
        self.num_layers = sum(name.endswith("weight_hh_l0") for name in weights)
        self.embedding = self.weights.get("embedding.weight")  # None: one-hot
        n_inputs = self.weights["layers.0.weight_ih_l0"].shape[1]
        self.n_labels = -self.n_characters - _N_SPECIAL
        self.n_labels += n_inputs if self.embedding is None else len(self.embedding)
        self.axes = axes(self.num_layers, self.embedding is None)
        self.sizes = {
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "embedding_dim": None if self.embedding is None else n_inputs,
        }
        self._cells = self._make_cells()

    def _make_cells(self):
        # Gates in another order, and halved, but for the candidates.
        order = np.arange(4 * self.hidden_size).reshape(4, -1)[[0, 1, 3, 2]].ravel()
        scale = np.repeat(np.array([0.5, 0.5, 0.5, 1], np.float32), self.hidden_size)
        half = np.float32(0.5)  # of the states, which are doubled
        inputs, recurrent, biases = [], [], []
        for layer in range(self.num_layers):
            into, back, *bias = (
                self.weights[f"layers.{layer}.{name}_l0"][order]
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            inputs.append(into.T * scale)
            recurrent.append(np.ascontiguousarray(back.T * (scale * half)))
            biases.append(sum(bias) * scale)
        if self.embedding is not None:
            inputs[0] = self.embedding @ inputs[0]
        n_inputs = self.n_characters + _N_SPECIAL
        labels = np.concatenate([inputs[0][n_inputs:], np.zeros((1, len(order)), np.float32)])
        between = [np.ascontiguousarray(each * half) for each in inputs[1:]]
        return _Cells(
            _by_gates(inputs[0][:n_inputs] + biases[0]).copy(),
            _by_gates(labels).copy() if self.n_labels else None,
            list(map(_both_ways, recurrent)),
            list(zip(map(_both_ways, between), map(_by_gates, biases[1:]), strict=True)),
            (np.ascontiguousarray(self.weights["head.weight"].T * half), self.weights["head.bias"]),
        )

    def start(self, windows: Indices, labels: Indices) -> tuple[State, Array]:
        """Read contexts."""
        filled = windows >= 0
        layers: list[tuple[Array, Array]] = []
        for step in range(int(filled.any(axis=0).argmax()), windows.shape[1]):
            layers = self._read(np.maximum(windows[:, step], 0), labels, layers)
            if not filled[:, step].all():  # padding leaves the state at zero
                mask = filled[:, step, None].astype(np.float32)
                layers = [(hidden * mask, memory * mask) for hidden, memory in layers]
        # No state to keep where all are full: the next character moves the window.
        kept = [] if filled.all() else layers
        return (windows, labels, kept), self._predict(layers[-1][0])

    def advance(self, state: State, characters: Indices) -> tuple[State, Array]:
        """Append one character to each context."""
        windows, labels, layers = state
        has_left = (windows[:, 0] >= 0).any()
        windows = np.concatenate([windows[:, 1:], characters[:, None]], axis=1)
        if has_left:  # the window, so the traces of that character in the state must go
            return self.start(windows, labels)
        layers = self._read(characters, labels, layers)
        return (windows, labels, layers), self._predict(layers[-1][0])

    def select(self, state: State, rows: Indices) -> State:
        """Return the state of some rows, in their order."""
        windows, labels, layers = state
        layers = [
            (hidden.take(rows, axis=0), memory.take(rows, axis=0)) for hidden, memory in layers
        ]
        return windows.take(rows, axis=0), labels.take(rows), layers

    def distinct_logits(self, sequences: Sequences) -> tuple[Indices, Array]:
        """Read given names; return the logits before each target, which share no row.

        Each step reads the rows that have a target at it or later, so padding costs nothing.
        """
        has_target = sequences.has_target
        n_steps = has_target.shape[1]
        lengths = np.where(has_target.any(axis=1), n_steps - has_target[:, ::-1].argmax(axis=1), 0)
        order = np.argsort(-lengths, kind="stable")
        inputs, labels = sequences.inputs[order], sequences.labels[order]
        expected, place = (
            has_target[order],
            (has_target.cumsum().reshape(has_target.shape) - 1)[order],
        )
        n_active = np.searchsorted(-lengths[order], -np.arange(n_steps), side="left")
        states = np.empty((np.count_nonzero(has_target), self.hidden_size), np.float32)
        layers: list[tuple[Array, Array]] = []
        for step, n in enumerate(n_active[: lengths.max(initial=0)].tolist()):
            layers = [(hidden[:n], memory[:n]) for hidden, memory in layers]
            layers = self._read(inputs[:n, step], labels[:n], layers)
            here = expected[:n, step]
            states[place[:n, step][here]] = layers[-1][0][here]
        return np.arange(len(states)), self._predict(states)

    def exported(self) -> dict[str, Any]:
        """Return what the script of a web page needs, in 16 bits."""
        layers = []
        for layer in range(self.num_layers):
            into, back, *biases = (
                self.weights[f"layers.{layer}.{name}_l0"].astype(np.float16)
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            layers.append({"into": into, "back": back, "bias": np.add(*biases)})
        n_inputs = self.n_characters + _N_SPECIAL + self.n_labels
        vectors = np.eye(n_inputs) if self.embedding is None else self.embedding
        head = {
            name: self.weights[f"head.{name}"].astype(np.float16) for name in ("weight", "bias")
        }
        return {
            "type": "lstm",
            "units": self.hidden_size,
            "characters": self.n_characters,
            "vectors": vectors.astype(np.float16),
            "layers": layers,
            "head": head,
        }

    def _read(self, characters, labels, layers):
        """Read one character of each row; no layers are such with zero states."""
        cells = self._cells
        gates = cells.characters.take(characters, axis=1)
        if cells.labels is not None:
            gates += cells.labels.take(labels, axis=1)
        new: list[tuple[Array, Array]] = []
        for layer, recurrent in enumerate(cells.recurrent):
            if layer:
                weights, bias = cells.between[layer - 1]
                gates = _product(new[-1][0], weights)
                gates += bias[:, None]
            if layers:
                gates += _product(layers[layer][0], recurrent)
            new.append(_cell(gates, layers[layer][1] if layers else None))
        return new

    def _predict(self, hidden):
        weights, bias = self._cells.head
        logits = hidden @ weights
        logits += bias
        return logits


def _by_gates(rows):
    """Return an array of (..., 4 * units) as one of (4, ..., units), a view."""
    return np.moveaxis(rows.reshape(*rows.shape[:-1], 4, -1), -2, 0)


def _both_ways(weights):
    """Return weights of (units, 4 * units), and a view of them as (4, units, units)."""
    return weights, _by_gates(weights)


def _product(hidden, weights):
    """Return the products of (n_rows, units) with weights, as (4, n_rows, units)."""
    flat, by_gates = weights
    if len(hidden) == 1:  # one product is quicker than four
        return (hidden @ flat).reshape(4, 1, -1)
    return np.matmul(hidden, by_gates)


def _cell(gates, memory):
    """Return the new hidden state and memory; `gates` are overwritten."""
    np.tanh(gates, out=gates)
    gates[:3] += 1
    input_gate, forget_gate, output_gate, new = gates
    new *= input_gate
    half = np.float32(0.5)
    if memory is not None:
        forget_gate *= memory
        forget_gate *= half
        new += forget_gate
    hidden = np.multiply(new, half, out=input_gate)
    np.tanh(hidden, out=hidden)
    hidden *= output_gate
    return hidden, new


def _fit_each_other(weights):
    """Whether arrays are the weights of one LSTM."""
    num_layers = sum(str(name).endswith(".weight_hh_l0") for name in weights)
    if not 0 < num_layers <= _MAX_LAYERS:
        return False
    expected = axes(num_layers, "embedding.weight" not in weights)
    if weights.keys() != expected.keys():
        return False
    sizes: dict[str, int] = {}
    for name, counted in expected.items():
        array = weights[name]
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or 0 in array.shape:
            return False
        if array.ndim != len(counted) or any(
            sizes.setdefault(axis, size) != size
            for axis, size in zip(counted, array.shape, strict=True)
        ):
            return False
    if sizes[GATES] != 4 * sizes[UNITS] or sizes[INPUTS] < sizes[CHARACTERS] + _N_SPECIAL:
        return False
    with np.errstate(over="ignore"):
        return all(np.isfinite(each.astype(np.float32)).all() for each in weights.values())
