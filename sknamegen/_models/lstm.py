"""LSTM inference in numpy, with weights trained in torch."""

from collections import deque
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .._arrays import log_softmax, unique_inverse
from .._data.sequences import Sequences
from .._text.alphabet import N_SPECIAL
from .._types import Bools, Data, Floats, Ints
from .._validation import check_arrays
from .next_char_model import select

# Names of the weight axes. The inputs are the characters, the start of a name, an unknown character
# and the labels. Each unit has four gates.
CHARACTERS, INPUTS, UNITS, GATES, VECTOR = "characters", "inputs", "units", "gates", "vector"
# For each layer, the hidden states and the cell states times -2, see `Cells`, each
# (n_rows, units).
Layers = list[tuple[Floats, Floats]]


def axes(num_layers: int, is_one_hot: bool) -> dict[str, tuple[str, ...]]:
    """Return the axis names of each LSTM weight."""
    weight_axes: dict[str, tuple[str, ...]]
    weight_axes = {} if is_one_hot else {"embedding.weight": (INPUTS, VECTOR)}
    inputs = INPUTS if is_one_hot else VECTOR
    for layer in range(num_layers):
        weight_axes[f"layers.{layer}.weight_ih_l0"] = GATES, inputs
        weight_axes[f"layers.{layer}.weight_hh_l0"] = GATES, UNITS
        weight_axes[f"layers.{layer}.bias_ih_l0"] = (GATES,)
        weight_axes[f"layers.{layer}.bias_hh_l0"] = (GATES,)
        inputs = UNITS
    return weight_axes | {"head.weight": (CHARACTERS, UNITS), "head.bias": (CHARACTERS,)}


class Cells(NamedTuple):
    """The weights of an LSTM, laid out for reading one character at a time.

    The gates are in the order input, forget, output, candidate, each in its own array. Their
    weights are negated, and doubled for the candidate, and cell states are multiplied by -2, so
    that each gate takes an exponential: sigmoid(x) is 1 / (1 + exp(-x)) and tanh(x) is
    2 / (1 + exp(-2 x)) - 1. numpy's tanh takes twice as long without AVX-512.

    Attributes
    ----------
    characters : ndarray of shape (4, n_characters + 2, units)
        Added to the first layer's gates.
    labels : ndarray of shape (4, n_labels + 1, units)
        Likewise. The last row is for no label.
    recurrent : list of ndarray of shape (4, units, units)
        For each layer.
    between : list of (ndarray, ndarray)
        Input weights and bias of each layer but the first, with the shapes (4, units, units) and
        (4, 1, units).
    """

    characters: Floats
    labels: Floats
    recurrent: list[Floats]
    between: list[tuple[Floats, Floats]]


class LSTM:
    """Character-level LSTM (Hochreiter and Schmidhuber, 1997).

    The network starts in a zero state at the first context index that is not -1. The label vector
    is added to each character vector.

    Parameters
    ----------
    weights : mapping of str to ndarray
        The weights that `axes` lists, in the layout of `torch.nn.LSTM`.

    Attributes
    ----------
    weights : dict of str to ndarray
        A float32 copy.
    axes : dict of str to tuple of str
        Axis names of each weight, from this module's constants.
    sizes : dict of str to int or None
        The generator parameters that determine the shapes.

    Raises
    ------
    ValueError
        If the shapes are inconsistent or a weight is not finite. This check runs first, so a
        file with wrong sizes wastes neither time nor memory.
    """

    def __init__(self, weights: Data):
        self.num_layers = sum(name.endswith("weight_hh_l0") for name in weights)
        self.axes = axes(self.num_layers, "embedding.weight" not in weights)
        sizes = check_arrays(weights, {name: ("f", of) for name, of in self.axes.items()})
        self.n_characters, self.hidden_size = sizes[CHARACTERS], sizes[UNITS]
        self.n_labels = sizes[INPUTS] - self.n_characters - N_SPECIAL
        if self.n_labels < 0 or sizes[GATES] != 4 * self.hidden_size or 0 in sizes.values():
            raise ValueError(f"Expected the weights of an LSTM. Got the sizes {sizes}.")
        with np.errstate(over="ignore"):
            self.weights = {name: np.array(weights[name], np.float32) for name in sorted(weights)}
        if not all(np.isfinite(weight).all() for weight in self.weights.values()):
            raise ValueError("Expected finite weights.")
        self._head = np.ascontiguousarray(self.weights["head.weight"].T)
        self.sizes = {
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "embedding_dim": sizes.get(VECTOR),
        }

    def _layers(self, weights: Data) -> Iterator[tuple[Floats, Floats, Floats]]:
        """Yield the input weights, the recurrent weights and the bias of each layer."""
        names = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
        for layer in range(self.num_layers):
            into, back, *biases = (weights[f"layers.{layer}.{name}_l0"] for name in names)
            yield into, back, np.add(*biases)

    @cached_property
    def _cells(self) -> Cells:
        """The weights, laid out for reading one character at a time.

        They are computed at the first use, where BLAS uses one thread, so their digits do not
        depend on the number of threads.
        """
        layers = [[*map(_scale_gates, layer)] for layer in self._layers(self.weights)]
        into, _, bias = layers[0]
        inputs = into.T
        if "embedding.weight" in self.weights:
            inputs = self.weights["embedding.weight"] @ inputs
        characters, labels = np.split(inputs, [self.n_characters + N_SPECIAL])
        return Cells(
            _split_gates(characters + bias),
            _split_gates(np.append(labels, np.zeros_like(inputs[:1]), axis=0)),
            [_split_gates(back.T) for _, back, _ in layers],
            [(_split_gates(into.T), _split_gates(bias[None])) for into, _, bias in layers[1:]],
        )

    def start(self, windows: Ints, labels: Ints) -> tuple[Layers, Floats]:
        """Read contexts. Return the layers and the logits of the next character."""
        columns = windows.T[int((windows >= 0).any(axis=0).argmax()) :]
        ((layers, shared),) = deque(self._read_columns(columns, labels), maxlen=1)  # the last
        logits = self._predict(layers[-1][0])
        return select(layers, shared), logits.take(shared, axis=0)

    def advance(self, layers: Layers, characters: Ints, labels: Ints) -> tuple[Layers, Floats]:
        """Read one more character per row. Return the same."""
        layers = self._read(characters, labels, layers)
        return layers, self._predict(layers[-1][0])

    def distinct_logits(self, sequences: Sequences) -> tuple[Ints, Floats]:
        """Return each target's row index, and the logits of the rows.

        Targets of sequences that have begun alike share rows. Each step skips sequences without
        further targets, so padding costs nothing.
        """
        has_target, lengths = sequences.has_target, sequences.lengths
        order = np.argsort(-lengths, kind="stable")
        n_active = np.searchsorted(-lengths[order], -np.arange(has_target.shape[1]))
        columns = (sequences.inputs[order[:n], step] for step, n in enumerate(n_active) if n)
        rows = np.empty(has_target.shape, dtype=np.int64)
        states, n_rows = [np.empty((0, self.hidden_size), np.float32)], 0
        read = self._read_columns(columns, sequences.labels[order])
        for step, (layers, shared) in enumerate(read):
            active = order[: len(shared)]
            is_target = has_target[active, step]
            needed, places = unique_inverse(shared[is_target])
            rows[active[is_target], step] = n_rows + places
            states.append(layers[-1][0][needed])
            n_rows += len(needed)
        return rows[has_target], self._predict(np.concatenate(states))

    def read_on(self, pieces: Sequences, layers: Layers) -> tuple[Layers, Floats]:
        """Read pieces of texts. Return the layers, and the logits of the targets.

        If `layers` is empty, the pieces are the beginnings.
        """
        states = list[Floats]()
        for column in pieces.inputs.T:
            layers = self._read(column, pieces.labels, layers)
            states.append(layers[-1][0])
        return layers, self._predict(np.stack(states, axis=1)[pieces.has_target])

    def log_proba(self, sequences: Sequences, possible: Bools | bool = True) -> Floats:
        """Return the log-probability of each target among the possible characters, in nats."""
        rows, logits = self.distinct_logits(sequences)
        log_proba = log_softmax(np.where(possible, logits, -np.inf))
        return log_proba[rows, sequences.targets[sequences.has_target]]

    def export(self) -> Data:
        """Return the data for the web page script, in 16 bits."""
        half = {name: weight.astype(np.float16) for name, weight in self.weights.items()}
        one_hot = np.eye(self.n_characters + N_SPECIAL + self.n_labels, dtype=np.float16)
        return {
            "units": self.hidden_size,
            "characters": self.n_characters,
            "vectors": half.get("embedding.weight", one_hot),
            "layers": [
                {"into": into, "back": back, "bias": bias}
                for into, back, bias in self._layers(half)
            ],
            "head": {"weight": half["head.weight"], "bias": half["head.bias"]},
        }

    def _read_columns(self, columns: Iterable[Ints], labels: Ints) -> Iterator[tuple[Layers, Ints]]:
        """Read a character of each sequence at a time, with -1 before the start.

        Yields the layers and the row of each sequence. Sequences that have begun alike share rows.
        Columns may become shorter when the last sequences end.
        """
        layers: Layers = []
        n_kinds = self.n_characters + N_SPECIAL + 1
        labels, shared = unique_inverse(labels + 1)
        labels = labels - 1
        for column in columns:
            begun, shared = unique_inverse(shared[: len(column)] * n_kinds + column + 1)
            rows, characters = np.divmod(begun, n_kinds)
            labels = labels[rows]
            layers = self._read(characters - 1, labels, select(layers, rows))
            if (characters == 0).any():  # padding keeps the state at zero
                mask = (characters[:, None] > 0).astype(np.float32)
                layers = [(hidden * mask, cell * mask) for hidden, cell in layers]
            yield layers, shared

    def _read(self, characters: Ints, labels: Ints, layers: Layers) -> Layers:
        """Read one character per row. If `layers` is empty, all states start at zero."""
        cells, new_layers = self._cells, Layers()
        gates = cells.characters.take(characters, axis=1)
        if self.n_labels:
            gates += cells.labels.take(labels, axis=1)
        for layer, weights in enumerate(cells.recurrent):
            if layer:
                into, bias = cells.between[layer - 1]
                gates = new_layers[-1][0] @ into
                gates += bias
            if layers:
                gates += layers[layer][0] @ weights
            new_layers.append(_update_states(gates, layers[layer][1] if layers else None))
        return new_layers

    def _predict(self, hidden: Floats) -> Floats:
        logits = hidden @ self._head
        logits += self.weights["head.bias"]
        return logits


def _scale_gates(weights: Floats) -> Floats:
    """Return weights of shape (4 * units, ...) in the order and the scale of `Cells`."""
    input_gate, forget_gate, candidate, output_gate = np.split(weights, 4)
    return np.concatenate([-input_gate, -forget_gate, -output_gate, -2 * candidate])


def _split_gates(rows: Floats) -> Floats:
    """Convert the shape (n_rows, 4 * units) to (4, n_rows, units)."""
    return np.array(np.split(rows, 4, axis=1))


def _update_states(gates: Floats, cell: Floats | None) -> tuple[Floats, Floats]:
    """Compute the new hidden states, and cell states times -2, reusing the memory of `gates`."""
    with np.errstate(over="ignore"):  # a gate of infinity is closed
        np.exp(gates, out=gates)
        gates += 1
        input_gate, forget_gate, output_gate, new_cell = gates
        np.divide(-4, new_cell, out=new_cell)
        new_cell += 2
        new_cell /= input_gate
        if cell is not None:
            new_cell += np.divide(cell, forget_gate, out=forget_gate)
        hidden = np.exp(new_cell, out=input_gate)
        hidden += 1
        np.divide(2, hidden, out=hidden)
        hidden -= 1
        hidden /= output_gate
    return hidden, new_cell
