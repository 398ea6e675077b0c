"""The networks: indices of characters in, logits of the next character out."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from .._sequences import NONE, Sequences
from .._threads import side_by_side
from .._validation import damaged
from .batches import LengthGroupedBatches, SequenceDataset

SCORING_BATCH = 1024
# What the seeds of the networks of one module are apart.
_SEED_STEP = 0x9E3779B97F4A7C15
# From so many rows on a thread for each network gains more than it costs.
_MANY_ROWS = 128


class Cells(NamedTuple):
    """Weights of a network, as reading one more character takes them.

    States are the halves of the hidden ones and the doubles of the cells, so that tanh(x) is
    computed as 2 sigmoid(2 x) - 1, all gates by one call, and the factors lie in the weights.
    """

    vectors: Tensor  # (n_vectors, 4 * hidden), what each adds to the first gates
    first_label: int  # from which vector on they are those of labels, 0: none are
    recurrent: list[Tensor]  # of the layers, (hidden, 4 * hidden) each
    between: list[tuple[Tensor, Tensor]]  # from one layer to the next: bias, weights
    head: tuple[Tensor, Tensor]  # (n_characters,), (hidden, n_characters)


class State(NamedTuple):
    """What `CharLSTM` knows of rows while it reads them."""

    windows: Tensor  # (rows, window_length), indices, -1 where there are none
    labels: Tensor  # (rows,)
    cells: list[Cells]  # of the networks
    layers: Sequence[
        list[tuple[Tensor, Tensor]]
    ]  # of each network, (rows, hidden) each; see `Cells`


class CharLSTM(nn.Module):
    """Character-level LSTMs (Hochreiter and Schmidhuber, 1997), whose logits are averaged.

    Parameters
    ----------
    n_characters : int
        Characters that can be predicted. Indices of inputs go two further: to
        `n_characters`, the start of a name, and `n_characters` + 1, an unknown
        character, which enters as a vector of zeros.
    hidden_size : int
        Units of each layer.
    num_layers : int
        LSTM layers.
    embedding_dim : int or None
        Dimension of the learned vector of a character. None: one-hot, done by
        indexing the input weights.
    dropout : float
        Probability of dropping an output of a layer during training, the same
        outputs at all steps of a sequence (Gal and Ghahramani, 2016).
    seed : int
        Seeds the initial weights and the dropout masks. No global random
        generator is used.
    n_labels : int, default=0
        Labels of sequences. Each has a vector that is added to those of the characters.
    num_networks : int, default=1
        Networks, alike but for their seeds.

    Notes
    -----
    The networks know nothing of each other in training: `forward` then returns the logits of
    each, and skorch's net takes each by itself. Averaged logits are those of one network whose
    recurrent weights are block-diagonal.
    """

    def __init__(
        self,
        n_characters: int,
        hidden_size: int,
        num_layers: int,
        embedding_dim: int | None,
        dropout: float,
        seed: int,
        n_labels: int = 0,
        num_networks: int = 1,
    ):
        super().__init__()
        sizes = n_characters, hidden_size, num_layers, embedding_dim, dropout
        self.config: dict[str, Any] = {
            "n_characters": n_characters,
            "hidden_size": hidden_size,
            "num_layers": num_layers,
            "embedding_dim": embedding_dim,
            "dropout": dropout,
            "seed": seed,
            "n_labels": n_labels,
            "num_networks": num_networks,
        }
        self.n_labels = n_labels
        self.networks: Any = nn.ModuleList(
            _Network(*sizes, (seed + number * _SEED_STEP) % 2**63, n_labels)
            for number in range(num_networks)
        )

    @property
    def device(self) -> torch.device:
        """Where the networks compute."""
        return self.networks[0].head.weight.device

    def forward(self, inputs: Tensor, labels: Tensor, where: Tensor | None = None) -> Tensor:
        """Predict the character after each step of sequences that start from a zero state.

        `inputs` has shape (batch, time), `labels` (batch,); `where` are the positions in
        ``batch * time`` to predict at, None: all of them. Returns logits of shape
        (n_targets, n_characters), or in training (networks, n_targets, n_characters).
        """
        logits = torch.stack([network(inputs, labels, where) for network in self.networks])
        return logits if _is_trained(self) else logits.mean(0)

    @torch.inference_mode()
    def sequence_log_proba(self, sequences: Sequences) -> NDArray[np.float64]:
        """Sum the log-probabilities of the targets of each sequence, in nats."""
        dataset = SequenceDataset(sequences)
        log_proba = torch.zeros(len(dataset), dtype=torch.float64)
        for rows in LengthGroupedBatches(dataset, SCORING_BATCH).rows():
            x, y = dataset[rows]
            n_rows, n_steps = x["inputs"].shape
            where = x.get("where", torch.arange(n_rows * n_steps))
            inputs = [each.to(self.device) for each in (x["inputs"], x["labels"], where)]
            logits = _mean(self.apart(partial(_infer, *inputs), n_rows, self.networks))
            characters = y["characters"].to(self.device)
            each = -F.cross_entropy(logits, characters, ignore_index=NONE, reduction="none")
            log_proba.index_add_(0, rows[where // n_steps], each.double().cpu())
        return log_proba.numpy()

    def apart(self, function: Callable[..., Any], n_rows: int, *args: Iterable[Any]) -> list[Any]:
        """Call a function for each network, side by side where that is worth it.

        That is for so many rows, times steps in training, on the processor: threads would get in
        each other's way on other devices.
        """
        if n_rows >= _MANY_ROWS and self.device.type == "cpu":
            return side_by_side(function, *args)
        return list(map(function, *args))

    def start(self, windows: Tensor, labels: Tensor) -> tuple[State, Tensor]:
        """Read contexts, each from its first index that is not -1; see `NextCharModel`."""
        return self._read([network.cells() for network in self.networks], windows, labels)

    def advance(self, state: State, characters: Tensor) -> tuple[State, Tensor]:
        """Append one character to each context; see `NextCharModel`."""
        windows = torch.cat([state.windows[:, 1:], characters[:, None]], dim=1)
        if (state.windows[:, 0] >= 0).any():
            # The first character has left the window, so its traces in the state must go.
            return self._read(state.cells, windows, state.labels)
        step = partial(_step, characters, state.labels)
        found = self.apart(step, len(windows), state.cells, state.layers)
        layers, logits = zip(*found, strict=True)
        return state._replace(windows=windows, layers=layers), _mean(logits)

    def select(self, state: State, rows: Tensor) -> State:
        """Return the state of some rows, in their order."""
        layers = self.apart(partial(_select, rows), len(rows), state.layers)
        return State(state.windows[rows], state.labels[rows], state.cells, layers)

    def _read(self, cells, windows, labels):
        found = self.apart(partial(_read_from_zero, windows, labels), len(windows), cells)
        layers, logits = zip(*found, strict=True)
        return State(windows, labels, cells, layers), _mean(logits)


# What threads do for a network each: they have none of torch's modes of the calling one.


@torch.inference_mode()
def _infer(inputs, labels, where, network):
    return network(inputs, labels, where)


@torch.inference_mode()
def _step(characters, labels, cells, layers):
    layers = _advanced(characters, labels, cells, layers)
    return layers, _logits(cells, layers)


@torch.inference_mode()
def _select(rows, layers):
    return [(h.index_select(0, rows), c.index_select(0, rows)) for h, c in layers]


@torch.inference_mode()
def _read_from_zero(windows, labels, cells):
    filled = windows >= 0
    layers: Any = [None] * len(cells.recurrent)
    for step in range(int(filled.any(0).int().argmax()), windows.shape[1]):
        layers = _advanced(windows[:, step].clamp(min=0), labels, cells, layers)
        # Padding leaves the state at zero.
        mask = filled[:, step, None]
        layers = [(h * mask, c * mask) for h, c in layers]
    # No state to keep where all are full: the next character moves the window.
    return [] if filled.all() else layers, _logits(cells, layers)


def _advanced(characters, labels, cells, layers):
    gates = F.embedding(characters, cells.vectors)
    if cells.first_label:
        gates += F.embedding(labels + cells.first_label, cells.vectors)
    new: list[tuple[Tensor, Tensor]] = []
    for layer, state in enumerate(layers):
        if layer:
            bias, weights = cells.between[layer - 1]
            gates = torch.addmm(bias, new[-1][0], weights)
        if state:
            gates.addmm_(state[0], cells.recurrent[layer])
        in_gate, forget_gate, candidate, out_gate = gates.sigmoid_().chunk(4, dim=1)
        cell = forget_gate * state[1] if state else torch.zeros_like(in_gate)
        cell.addcmul_(in_gate, candidate, value=4).sub_(in_gate, alpha=2)
        new.append((cell.sigmoid().sub_(0.5).mul_(out_gate), cell))
    return new


def _logits(cells, layers):
    bias, weights = cells.head
    return torch.addmm(bias, layers[-1][0], weights)


def _mean(logits):
    return torch.stack(list(logits)).mean(0)


def _is_trained(module):
    # Scores are computed without gradients: whatever raised in the training, nothing of it stays.
    return module.training and torch.is_grad_enabled()


class _Network(nn.Module):
    """One network; parameters as in `CharLSTM`.

    Notes
    -----
    Initial weights follow Keras, which the project began with: Glorot uniform
    input weights, orthogonal recurrent weights, a forget-gate bias of one
    (Jozefowicz et al., 2015) and zeros for the other biases.
    """

    def __init__(
        self, n_characters, hidden_size, num_layers, embedding_dim, dropout, seed, n_labels
    ):
        super().__init__()
        self.dropout = dropout
        self.seed = seed
        self.n_labels = n_labels
        self.n_inputs = n_characters + 2
        n_vectors = self.n_inputs + n_labels
        sizes = [embedding_dim or n_vectors] + [hidden_size] * num_layers
        # On the meta device the constructors draw no random numbers.
        with torch.device("meta"):
            self.embedding: nn.Embedding | None = None
            if embedding_dim:
                self.embedding = nn.Embedding(n_vectors, embedding_dim, dtype=torch.float32)
            self.layers: Any = nn.ModuleList(
                nn.LSTM(n_in, n_out, batch_first=True, dtype=torch.float32)
                for n_in, n_out in pairwise(sizes)
            )
            self.head = nn.Linear(hidden_size, n_characters, dtype=torch.float32)
        self.to_empty(device="cpu")
        self._initialize(torch.Generator().manual_seed(seed))
        self._dropout_generator: torch.Generator | None = None

    @torch.no_grad()
    def _initialize(self, generator):
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight_ih_l0, generator=generator)
            for block in layer.weight_hh_l0.chunk(4):
                nn.init.orthogonal_(block, generator=generator)
            nn.init.zeros_(layer.bias_hh_l0)
            input_gate, forget_gate, cell, output_gate = layer.bias_ih_l0.chunk(4)
            nn.init.ones_(forget_gate)
            for bias in (input_gate, cell, output_gate):
                nn.init.zeros_(bias)
        nn.init.xavier_uniform_(self.head.weight, generator=generator)
        nn.init.zeros_(self.head.bias)
        if self.embedding:
            nn.init.normal_(self.embedding.weight, generator=generator)
            self.embedding.weight[self.n_inputs - 1] = 0
        else:
            self.layers[0].weight_ih_l0[:, self.n_inputs - 1] = 0

    def forward(self, inputs, labels, where=None):
        if self.embedding is None:
            x = self._first_layer_one_hot(inputs, labels)
        else:
            labels = labels[:, None].expand_as(inputs)
            x, _ = self.layers[0](self._look_up(inputs, labels, self.embedding.weight))
        x = self._drop(x)
        for layer in self.layers[1:]:
            x, _ = layer(x)
            x = self._drop(x)
        hidden = x.flatten(0, 1)  # (batch * time, hidden)
        return self.head(hidden if where is None else hidden[where])

    def _first_layer_one_hot(self, inputs, labels):
        vectors, recurrent = self.input_gates(), self.layers[0].weight_hh_l0.t()
        hidden = cell = self.head.weight.new_zeros(len(inputs), self.head.in_features)
        outputs = []
        for characters in inputs.unbind(1):
            gates = torch.addmm(self._look_up(characters, labels, vectors), hidden, recurrent)
            in_gate, forget_gate, candidate, out_gate = gates.chunk(4, dim=1)
            cell = forget_gate.sigmoid() * cell + in_gate.sigmoid() * candidate.tanh()
            hidden = out_gate.sigmoid() * cell.tanh()
            outputs.append(hidden)
        return torch.stack(outputs, dim=1)

    def _drop(self, x):
        if not _is_trained(self) or self.dropout == 0:
            return x
        if self._dropout_generator is None or self._dropout_generator.device != x.device:
            self._dropout_generator = torch.Generator(x.device).manual_seed(self.seed)
        keep = 1 - self.dropout
        uniform = torch.rand(
            (len(x), 1, x.shape[2]),
            generator=self._dropout_generator,
            device=x.device,
            dtype=torch.float32,
        )
        return x * (uniform < keep).to(x.dtype).div_(keep)

    @torch.no_grad()
    def cells(self):
        """Return the weights as reading one more character takes them."""
        doubled = self.head.weight.new_ones(4, self.head.in_features)
        doubled[2] = 2  # of the candidates
        doubled = doubled.flatten()
        return Cells(
            self.input_gates() * doubled,
            self.n_inputs if self.n_labels else 0,
            [(layer.weight_hh_l0 * (2 * doubled[:, None])).t() for layer in self.layers],
            [
                (
                    (layer.bias_ih_l0 + layer.bias_hh_l0) * doubled,
                    (layer.weight_ih_l0 * (2 * doubled[:, None])).t(),
                )
                for layer in self.layers[1:]
            ],
            (self.head.bias, (2 * self.head.weight).t()),
        )

    def input_gates(self):
        """What each vector adds to the gates of the first layer, (n_vectors, 4 * hidden)."""
        layer = self.layers[0]
        bias = layer.bias_ih_l0 + layer.bias_hh_l0
        if self.n_labels:  # which come on top of a character
            bias = torch.cat(
                [bias.expand(self.n_inputs, -1), bias.new_zeros(self.n_labels, len(bias))]
            )
        if self.embedding is None:
            return layer.weight_ih_l0.t() + bias
        return torch.addmm(bias, self.embedding.weight, layer.weight_ih_l0.t())

    def _look_up(self, characters, labels, vectors):
        """Sum the vectors of each character and its label."""
        found = F.embedding(characters, vectors)
        return found + F.embedding(self.n_inputs + labels, vectors) if self.n_labels else found


def weight_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight of the network that `config` describes."""
    n_units, n_out = config["hidden_size"], config["n_characters"]
    n_vectors = n_out + 2 + config["n_labels"]
    n_in = n_vectors
    shapes: dict[str, tuple[int, ...]] = {}
    if config["embedding_dim"]:
        n_in = config["embedding_dim"]
        shapes["embedding.weight"] = n_vectors, n_in
    for layer in range(config["num_layers"]):
        shapes[f"layers.{layer}.weight_ih_l0"] = 4 * n_units, n_in
        shapes[f"layers.{layer}.weight_hh_l0"] = 4 * n_units, n_units
        shapes[f"layers.{layer}.bias_ih_l0"] = shapes[f"layers.{layer}.bias_hh_l0"] = (4 * n_units,)
        n_in = n_units
    shapes |= {"head.weight": (n_out, n_units), "head.bias": (n_out,)}
    numbers = range(config["num_networks"])
    return {f"networks.{n}.{name}": shape for n in numbers for name, shape in shapes.items()}


def check_saved_network(config: Any, weights: Any) -> None:
    """Raise unless `config` describes a network that has these weights, all of them finite.

    Nothing is built for it, so a file that lies about sizes costs neither time nor memory.
    """
    if not _is_sound(config, weights):
        raise damaged("The network", "one with the weights that its sizes ask for, finite numbers")


def _is_sound(config, weights):
    lowest = {"n_characters": 1, "hidden_size": 1, "num_layers": 1, "num_networks": 1}
    lowest |= {"n_labels": 0, "seed": 0}
    if not isinstance(config, dict) or not isinstance(weights, dict):
        return False
    if config.get("embedding_dim") is not None:
        lowest["embedding_dim"] = 1
    if config.keys() != lowest.keys() | {"embedding_dim", "dropout"}:
        return False
    if not all(type(config[name]) is int and config[name] >= low for name, low in lowest.items()):
        return False
    if not isinstance(config["dropout"], float) or not 0 <= config["dropout"] < 1:
        return False
    if config["num_layers"] * config["num_networks"] > len(weights) or config["seed"] >= 2**63:
        return False
    if weight_shapes(config) != {name: getattr(w, "shape", None) for name, w in weights.items()}:
        return False
    if not all(
        isinstance(each, np.ndarray) and each.dtype.kind == "f" for each in weights.values()
    ):
        return False
    with np.errstate(over="ignore"):
        return all(np.isfinite(each.astype(np.float32)).all() for each in weights.values())
